// The three small HTTP ports beside an Envoy, as the built-in proxy has them: metrics (15090),
// readiness (15021) and admin (15000, loopback only). Envoy's own admin interface, which can end
// it, is not among them.

import type { ProxyAddresses } from "@weft/proxy";
import { type HttpAnswer, openHttpServer } from "@weft/runtime";
import { topics } from "./topics.ts";

export interface ServicePorts {
  readonly admin: number;
  readonly metrics: number;
  readonly readiness: number;
  close(): void;
}

export interface ServiceAnswers {
  isReady(): boolean;
  ask(topic: string): Promise<unknown>;
  /** Prometheus' text. */
  metrics(): Promise<string>;
}

const metricsType = "text/plain; version=0.0.4; charset=utf-8";
const jsonType = "application/json";
const textType = "text/plain; charset=utf-8";
const notFound: HttpAnswer = { status: 404, contentType: textType, body: "not found\n" };

export async function openServicePorts(
  addresses: ProxyAddresses,
  answers: ServiceAnswers,
): Promise<ServicePorts> {
  const metrics = await openHttpServer({
    ...addresses.metrics,
    answer: async ({ path }) =>
      path === "/metrics" || path === "/stats/prometheus"
        ? { status: 200, contentType: metricsType, body: await answers.metrics() }
        : notFound,
  });
  const readiness = await openHttpServer({
    ...addresses.readiness,
    answer: ({ path }) => {
      if (path !== "/healthz/ready" && path !== "/ready" && path !== "/") return notFound;
      return answers.isReady()
        ? { status: 200, contentType: textType, body: "ready\n" }
        : { status: 503, contentType: textType, body: "not ready\n" };
    },
  });
  const admin = await openHttpServer({
    ...addresses.admin,
    answer: async ({ host, path }) => {
      // A web page that a browser on this host has open must not reach it under another name.
      if (!isLoopbackHost(host)) {
        const body = "the admin port answers localhost only\n";
        return { status: 403, contentType: textType, body };
      }
      const topic = path.slice(1);
      if (topic === "")
        return { status: 200, contentType: textType, body: `${topics.join("\n")}\n` };
      if (!topics.includes(topic)) return notFound;
      const body = `${JSON.stringify(await answers.ask(topic), null, 2)}\n`;
      return { status: 200, contentType: jsonType, body };
    },
  });
  return {
    admin: admin.port,
    metrics: metrics.port,
    readiness: readiness.port,
    close() {
      for (const server of [metrics, readiness, admin]) server.close();
    },
  };
}

function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "127.0.0.1" || name === "[::1]";
}
