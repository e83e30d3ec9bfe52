// What a change costs in a mesh of 1,000 services with 10 workloads each and 50 connected proxies:
// node --conditions=@weft/source packages/control/src/publish/publish.bench.ts
// (Objects are built directly: the API's defaults and validation are not what is measured.)

import { Compiler } from "../compile/compile.ts";
import { compileTrustBundle } from "../compile/trust-bundle.ts";
import { applyEvent, type ModelEvent } from "../model/apply-event.ts";
import { emptyChange, type Change } from "../model/change.ts";
import { createModel } from "../model/model.ts";
import {
  assembleSnapshot,
  createGeneration,
  fillGeneration,
  type Generation,
  type LiveResources,
} from "./snapshot.ts";

const SERVICES = 1000;
const WORKLOADS = 10;
const PROXIES = 50;
const ROUNDS = 200;

let revision = 0;

function put(kind: string, namespace: string, name: string, rest: object): ModelEvent {
  const metadata = { namespace, name, generation: ++revision, uid: `${kind}/${name}` };
  const labels = { "weft.dev/service": name.split("--")[0], version: "v1" };
  const object = { kind, metadata: { ...metadata, labels }, ...rest };
  return { type: "put", kind, object, revision } as unknown as ModelEvent;
}

function service(name: string): ModelEvent {
  const ports = [{ name: "http", port: 80, targetPort: "http", appProtocol: "http" }];
  return put("Service", "shop", name, { spec: { selector: { "weft.dev/service": name }, ports } });
}

function workload(of: string, index: number, ready: boolean): ModelEvent {
  const port = 20_000 + ((Number(of.slice(1)) * WORKLOADS + index) % 40_000);
  const ports = [{ name: "http", port: 8080, protocol: "HTTP", meshPort: port }];
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  const spec = { serviceAccount: of, address: "127.0.0.1", weight: 100, ports };
  return put("Workload", "shop", `${of}--${index}`, { spec, status: { conditions } });
}

function canary(of: string, to: string, weight: number): ModelEvent {
  const backendRefs = [of, to].map((name, index) => {
    return { name, port: 80, weight: index === 0 ? 100 - weight : weight };
  });
  const parentRefs = [{ group: "", kind: "Service", name: of }];
  return put("HTTPRoute", "shop", "canary", { spec: { parentRefs, rules: [{ backendRefs }] } });
}

const model = createModel();
const compiler = new Compiler(model, { trustDomain: "weft.local" });
const bundle = compileTrustBundle("-----BEGIN CERTIFICATE-----\n");
const proxies = Array.from({ length: PROXIES }, (_, n) => ({ name: `s${n}--0`, held: "" }));
let generation: Generation | null = null;
let live: LiveResources = { endpoints: new Map(), bundle };

/** One publication; answers how many proxies had to be sent something. */
function publish(events: readonly ModelEvent[], change: Change): number {
  for (const event of events) applyEvent(model, event, change);
  const steps = compiler.apply(change);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const { hasClusterChange, hasRouteChange } = step.value;
  if (generation === null || hasClusterChange || hasRouteChange || change.inbound.size > 0) {
    generation = createGeneration((generation?.number ?? 0) + 1, compiler.clusters);
  }
  live = { endpoints: compiler.endpoints, bundle };
  let sent = 0;
  for (const proxy of proxies) {
    const held = model.objects.Workload.get(`shop/${proxy.name}`) ?? null;
    const key = { client: "builtin", namespace: "shop", workload: held } as const;
    fillGeneration(generation, compiler, key);
    const snapshot = assembleSnapshot(generation, live, compiler, key, null);
    if (snapshot !== null && snapshot.version !== proxy.held) {
      proxy.held = snapshot.version;
      sent++;
    }
  }
  return sent;
}

/** Processor time of this process so far; on a shared machine it says more than the clock. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function report(name: string, timesMs: number[], cpu: number, sent: number): void {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2)} ms`;
  const mean = `CPU ${(cpu / timesMs.length).toFixed(2)} ms`;
  console.log(`${name.padEnd(44)} ${mean}  p50 ${at(0.5)}  p99 ${at(0.99)}  ${sent} proxies told`);
}

function measure(name: string, round: (n: number) => readonly ModelEvent[]): void {
  const timesMs: number[] = [];
  let sent = 0;
  const beganCpuMs = cpuMs();
  for (let n = 0; n < ROUNDS; n++) {
    const events = round(n);
    const beganMs = performance.now();
    sent = publish(events, emptyChange());
    timesMs.push(performance.now() - beganMs);
  }
  report(name, timesMs, cpuMs() - beganCpuMs, sent);
}

const everything: ModelEvent[] = [];
for (let n = 0; n < SERVICES; n++) {
  everything.push(service(`s${n}`));
  for (let index = 0; index < WORKLOADS; index++) everything.push(workload(`s${n}`, index, true));
}
const beganCpuMs = cpuMs();
publish(everything, { ...emptyChange(), isEverything: true });
const firstMs = cpuMs() - beganCpuMs;
console.log(`${SERVICES} services × ${WORKLOADS} workloads, ${PROXIES} proxies`);
console.log(`first publication: CPU ${firstMs.toFixed(0)} ms (in slices of 5 ms when served)`);
measure("one workload becomes ready or not", (n) => [workload("s500", 3, n % 2 === 0)]);
measure("one workload of a connected proxy changes", (n) => [workload("s7", 0, n % 2 === 0)]);
measure("ten workloads of ten services change", (n) =>
  Array.from({ length: 10 }, (_, at) => workload(`s${at * 50 + 60}`, 3, n % 2 === 0)),
);
measure("a canary moves", (n) => [canary("s1", "s2", n % 100)]);
measure("a service comes or goes", (n) => {
  const event = service("s2000");
  return [n % 2 === 0 ? event : ({ ...event, type: "delete" } as ModelEvent)];
});
