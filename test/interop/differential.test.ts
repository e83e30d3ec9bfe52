// The same objects, compiled by the real control plane, met by the same requests: once through
// real Envoy's outbound listener, once through the built-in proxy's. What callers and programs see
// is the same, or the difference is a row of docs/reference/data-planes.md.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@weft/runtime";
import { envoyFix, findEnvoy } from "../harness/envoy.ts";
import { startEnvoyWorkload } from "../harness/envoy-workload.ts";
import { Mesh, root } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually } from "../harness/processes.ts";
import { answerCases, registryCase } from "./differential/answers.ts";
import type { DifferentialCase, DifferentialRequest, ProgramName } from "./differential/case.ts";
import { type Answered, exchange } from "./differential/exchange.ts";
import { filterCases } from "./differential/filters.ts";
import { grpcCases } from "./differential/grpc-matching.ts";
import { matchingCases } from "./differential/matching.ts";
import { messageCases } from "./differential/messages.ts";
import { type Recorded, Recorder } from "./differential/recorder.ts";

const cases = [...matchingCases, ...grpcCases, ...filterCases, ...messageCases, ...answerCases];
/** Copies for a mirror arrive beside the answer. */
const copyMs = 100;

interface Outcome extends Answered {
  readonly seen: readonly Recorded[];
}

type Programs = Readonly<Record<ProgramName, Recorder>>;

/** Ports that stand in requests in braces. */
type Places = Readonly<Record<string, number>>;

test("Envoy and the built-in proxy treat requests alike", { timeout: 240_000 }, async (context) => {
  const binary = findEnvoy();
  if (!hasPart(context, "envoy", binary !== null, envoyFix) || binary === null) return;
  const only = process.env["WEFT_CASE"];
  const mesh = await Mesh.open(context);
  const programs = await openPrograms(context);
  const places = {
    bare: programs.bare.port,
    tcp: await openEcho(context),
    closed: await freePort(),
  };
  for (const version of ["v1", "v2"] as const) {
    await mesh.run({ service: "subject", version, port: programs[version].port });
  }
  const caller = await mesh.run({ service: "caller", port: null });
  await mesh.ready("subject", 2);
  const envoy = await startEnvoyWorkload(context, mesh, {
    binary,
    transport: "delta",
    service: "caller",
    port: null,
  });
  await mesh.apply(objectsOf(programs, places));
  const ports = [await caller.outboundPort(), envoy.outboundPort] as const;
  for (const port of ports) {
    await eventually("the last object is in force", async () => {
      const { status } = await exchange(port, "zz-last", { text: "GET /" });
      return status === 200 ? true : null;
    });
  }
  const documented = readFileSync(path.join(root, "docs/reference/data-planes.md"), "utf8");
  const compare = async (one: DifferentialCase): Promise<void> => {
    if (only !== undefined && one.name !== only) return;
    await context.test(one.name, async () => {
      for (const { row } of one.differs ?? []) assert.ok(documented.includes(`## ${row}\n`), row);
      assert.deepEqual(await foundIn(one, places, ports, programs), knownIn(one));
    });
  };
  for (const one of cases) await compare(one);
  await mesh.apply(registryOnly);
  for (const port of ports) {
    await eventually("outside names are refused", async () => {
      const { status } = await exchange(port, `127.0.0.1:${places.bare}`, { text: "GET /" });
      return status === 502 ? true : null;
    });
  }
  await compare(registryCase);
});

const registryOnly = `apiVersion: weft.dev/v1alpha1
kind: MeshConfig
metadata: { name: default }
spec: { outbound: RegistryOnly }
`;

async function foundIn(
  one: DifferentialCase,
  places: Places,
  ports: readonly [number, number],
  programs: Programs,
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const given of one.requests) {
    const request = typeof given === "string" ? { text: given } : given;
    const [own, envoys] = await bothOutcomes(one, request, places, ports, programs);
    const lines = differences(own, envoys);
    if (lines.length > 0) found[request.text] = lines;
  }
  return found;
}

function knownIn({ differs = [] }: DifferentialCase): Record<string, string[]> {
  return Object.fromEntries(differs.map(({ lines, request }) => [request, [...lines]]));
}

async function openPrograms(context: TestContext): Promise<Programs> {
  const open = (name: ProgramName): Promise<Recorder> => Recorder.open(context, name);
  return {
    v1: await open("v1"),
    v2: await open("v2"),
    bare: await open("bare"),
    other: await open("other"),
  };
}

/** Sends back what it gets, once. */
async function openEcho(context: TestContext): Promise<number> {
  const server = createServer((socket) => {
    socket.on("data", (bytes) => socket.end(`echo of ${bytes.toString()}`));
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

function objectsOf(programs: Programs, places: Places): string {
  const documents = [
    service("only-v1", "v1", programs),
    service("only-v2", "v2", programs),
    service("to-bare", "bare", programs),
    service("to-other", "other", programs),
    servicePort("empty", "ports: [{ name: http, port: 80, appProtocol: http }]"),
    servicePort("closed-port", "ports: [{ name: http, port: 80, appProtocol: http }]"),
    slice("closed-port", places["closed"] ?? 0),
    servicePort("to-tcp", "ports: [{ name: tcp, port: 7000, appProtocol: tcp }]"),
    slice("to-tcp", places["tcp"] ?? 0, "tcp"),
    ...cases.flatMap((one) => [
      service(one.name, one.program ?? "v1", programs, one.ports),
      one.rules === undefined ? "" : route(one),
      one.objects ?? "",
    ]),
    service("zz-last", "v1", programs),
  ];
  return documents.filter((text) => text.trim() !== "").join("\n---\n");
}

function service(
  name: string,
  program: ProgramName,
  programs: Programs,
  more: readonly number[] = [],
): string {
  const isMeshed = program === "v1" || program === "v2";
  const target = isMeshed ? ", targetPort: http" : "";
  const ports = [80, ...more].map(
    (port) =>
      `{ name: ${port === 80 ? "http" : `http-${port}`}, port: ${port}${target}, appProtocol: http }`,
  );
  const selector = isMeshed ? `selector: { weft.dev/service: subject, version: ${program} }` : "";
  const text = servicePort(name, `${selector}\n  ports: [${ports.join(", ")}]`);
  return isMeshed ? text : `${text}\n---\n${slice(name, programs[program].port)}`;
}

function servicePort(name: string, spec: string): string {
  return `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  ${spec}`;
}

function slice(name: string, port: number, portName = "http"): string {
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: ${portName}, port: ${port} }]
endpoints: [{ addresses: ["127.0.0.1"] }]`;
}

function route({ name, rules = "" }: DifferentialCase): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec:
  parentRefs: [{ group: "", kind: Service, name: ${name} }]
  rules:${rules.replaceAll("\n", "\n    ")}`;
}

/** `{bare}` in a request is the port of that program, `{self}` the proxy's own. */
function filledIn(text: string, places: Places): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(places[name]));
}

async function bothOutcomes(
  one: DifferentialCase,
  given: DifferentialRequest,
  places: Places,
  ports: readonly [number, number],
  programs: Programs,
): Promise<[Outcome, Outcome]> {
  const outcomes: Outcome[] = [];
  for (const port of ports) {
    for (const recorder of Object.values(programs)) {
      recorder.seen.length = 0;
      recorder.onRequest = null;
    }
    one.prepare?.(programs);
    const request = { ...given, text: filledIn(given.text, { ...places, self: port }) };
    const { parallel = 1 } = request;
    const all = await Promise.all(
      Array.from({ length: parallel }, () => exchange(port, one.name, request)),
    );
    const answered = parallel === 1 ? (all[0] as Answered) : statusesOf(all);
    if (one.name === "mirror") await delay(copyMs);
    const seen = Object.values(programs).flatMap((recorder) => recorder.seen.map(comparable));
    outcomes.push({ ...answered, seen });
  }
  return outcomes as [Outcome, Outcome];
}

function statusesOf(all: readonly Answered[]): Answered {
  const statuses = all.map(({ status }) => status).sort((a, b) => a - b);
  return { status: statuses[0] ?? 0, headers: [], body: statuses.join(" ") };
}

/** What Envoy always adds; rows of the documentation. */
const envoyAdds: ReadonlySet<string> = new Set(["x-forwarded-proto: http", "content-length: 0"]);

/** Without what is different in each request: its id, the caller's certificate, addresses. */
function comparable(recorded: Recorded): Recorded {
  const headers = recorded.headers.map((header) =>
    header
      .replace(/^x-request-id: [0-9a-f-]{16,}$/, "x-request-id: (an id)")
      .replace(/^(x-forwarded-for): (?!127\.).*$/, "$1: (this machine)")
      .replace(/;Hash=[0-9a-f]{64};/, ";Hash=(of its certificate);"),
  );
  return { ...recorded, headers };
}

/** One line for each thing that is not the same: `what: built-in | Envoy`. */
function differences(own: Outcome, envoys: Outcome): string[] {
  const lines: string[] = [];
  // Its own answer with a reason; Envoy has one where a route says it.
  const hasFlag = ({ headers }: Outcome): boolean =>
    headers.some((header) => header.startsWith("x-weft-flag: "));
  const compare = (what: string, a: unknown, b: unknown): void => {
    if (a !== b) lines.push(`${what}: ${String(a)} | ${String(b)}`);
  };
  compare("status", own.status, envoys.status);
  compare("requests", own.seen.length, envoys.seen.length);
  if (own.status !== envoys.status) return lines;
  if (hasFlag(own) === hasFlag(envoys)) {
    const [mine, theirs] = [own, envoys].map((one) => one.headers.map(withoutDefaultPort));
    compareLists("header", mine ?? [], theirs ?? [], lines);
    compare("body", own.body.slice(0, 200), envoys.body.slice(0, 200));
  }
  for (const [at, mine] of own.seen.entries()) {
    const theirs = envoys.seen[at];
    if (theirs === undefined) break;
    compare("program", mine.program, theirs.program);
    compare("seen method", mine.method, theirs.method);
    compare("seen target", mine.target, theirs.target);
    const added = theirs.headers.filter((one) => !envoyAdds.has(one) || mine.headers.includes(one));
    compareLists("seen header", mine.headers, added, lines);
    compare("seen body", mine.body.slice(0, 200), theirs.body.slice(0, 200));
    compare("seen body bytes", mine.body.length, theirs.body.length);
  }
  return [...new Set(lines)];
}

/** `http://a:80/` is `http://a/`. */
function withoutDefaultPort(header: string): string {
  const [name, value = ""] = header.split(": ");
  return name === "location" ? `${name}: ${new URL(value).href}` : header;
}

function compareLists(
  what: string,
  own: readonly string[],
  envoys: readonly string[],
  lines: string[],
): void {
  const missing = (from: readonly string[], other: readonly string[]): string[] => {
    const left = [...other];
    return from.filter((one) => {
      const at = left.indexOf(one);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  for (const one of missing(own, envoys)) lines.push(`${what}: ${one} | `);
  for (const one of missing(envoys, own)) lines.push(`${what}:  | ${one}`);
}
