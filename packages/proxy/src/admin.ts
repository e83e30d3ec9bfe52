// The three small HTTP ports of a proxy: metrics (15090), readiness (15021) and admin (15000,
// loopback only, no authentication: whoever is on the host may ask, like the outbound port).

import {
  bindListener,
  type BoundListener,
  canShareListeners,
  type HttpAnswer,
  type HttpQuestion,
  type Inheritance,
  openHttpServer,
} from "@weft/runtime";
import type { ProxyAddresses } from "./handle.ts";
import { answerTopic, metricsOf, type TopicSources } from "./questions.ts";

export interface ServicePorts {
  readonly admin: number;
  readonly metrics: number;
  readonly readiness: number;
  close(): void;
  /** Another process answers from now on. */
  retire(): void;
}

type BoundPorts = Readonly<Record<"admin" | "metrics" | "readiness", BoundListener | null>>;

/** Their sockets; none without FFI. */
export function bindPorts(addresses: ProxyAddresses, inheritance: Inheritance): BoundPorts {
  const bind = (name: "admin" | "metrics" | "readiness"): BoundListener | null => {
    const { address, preferredPort } = addresses[name];
    if (!canShareListeners()) return null;
    return inheritance.listener(name, address, () => bindListener(address, preferredPort));
  };
  return { metrics: bind("metrics"), readiness: bind("readiness"), admin: bind("admin") };
}

const metricsType = "text/plain; version=0.0.4; charset=utf-8";
const jsonType = "application/json";
const textType = "text/plain; charset=utf-8";
const notFound: HttpAnswer = { status: 404, contentType: textType, body: "not found\n" };
const topics = ["config", "listeners", "routes", "clusters", "endpoints", "stats", "status"];

export async function openPorts(
  addresses: ProxyAddresses,
  bound: BoundPorts,
  sources: TopicSources,
  isReady: () => boolean,
): Promise<ServicePorts> {
  const metrics = await openHttpServer({
    ...addresses.metrics,
    bound: bound.metrics,
    answer: async ({ path }) =>
      path === "/metrics" || path === "/stats/prometheus"
        ? { status: 200, contentType: metricsType, body: await metricsOf(sources) }
        : notFound,
  });
  const readiness = await openHttpServer({
    ...addresses.readiness,
    bound: bound.readiness,
    answer: ({ path }) => {
      if (path !== "/healthz/ready" && path !== "/ready" && path !== "/") return notFound;
      return isReady()
        ? { status: 200, contentType: textType, body: "ready\n" }
        : { status: 503, contentType: textType, body: "not ready\n" };
    },
  });
  const admin = await openHttpServer({
    ...addresses.admin,
    bound: bound.admin,
    answer: (question) => adminAnswer(sources, question),
  });
  return {
    admin: admin.port,
    metrics: metrics.port,
    readiness: readiness.port,
    close() {
      metrics.close();
      readiness.close();
      admin.close();
      for (const socket of Object.values(bound)) socket?.close();
    },
    retire() {
      for (const server of [metrics, readiness, admin]) server.retire();
    },
  };
}

async function adminAnswer(sources: TopicSources, question: HttpQuestion): Promise<HttpAnswer> {
  // A web page that a browser on this host has open must not reach the port under another name.
  if (!isLoopbackHost(question.host)) {
    return { status: 403, contentType: textType, body: "the admin port answers localhost only\n" };
  }
  const topic = question.path.slice(1);
  if (topic === "") return { status: 200, contentType: textType, body: `${topics.join("\n")}\n` };
  const worker = /^workers\/(\d+)\/terminate$/.exec(topic);
  if (worker !== null && question.method === "POST") {
    const found = await sources.supervisor().terminate(Number(worker[1]));
    return found ? { status: 200, contentType: jsonType, body: "{}\n" } : notFound;
  }
  if (topic === "workers/replace" && question.method === "POST") {
    const isDone = await sources.replaceWorkers();
    return { status: isDone ? 200 : 409, contentType: jsonType, body: "{}\n" };
  }
  if (topic === "metrics") {
    return { status: 200, contentType: metricsType, body: await metricsOf(sources) };
  }
  if (!topics.includes(topic)) return notFound;
  const body = await answerTopic(sources, topic, Object.fromEntries(question.query));
  return { status: 200, contentType: jsonType, body: `${JSON.stringify(body, null, 2)}\n` };
}

function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "127.0.0.1" || name === "[::1]";
}
