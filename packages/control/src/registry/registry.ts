// The agents of this control plane: takes their streams, keeps their Workloads as they say, and
// takes away what is gone (design section 5, "First contact", "Life of weft run", "Liveness").

import { REGISTERED_ANNOTATION, SERVICE_LABEL, type Service, type Workload } from "@weft/api";
import { type Runtime, sleep } from "@weft/runtime";
import { StatusCode, type XdsPeer } from "@weft/xds";
import type { AgentStream } from "@weft/xds/grpc";
import type { LoadReport, Register, Registered } from "@weft/xds/messages/weft/v1/agent.js";
import { attest } from "../ca/attest.ts";
import type { Authority } from "../ca/authority.ts";
import { MeshError } from "../errors.ts";
import type { Objects } from "../rest/operations.ts";
import type { ControlSettings } from "../settings.ts";
import { chooseWorkloadName, enrolSurroundings, enrolWorkload, registryManager } from "./enrol.ts";
import { KeyedTurns } from "./keyed-turns.ts";
import { Liveness } from "./liveness.ts";
import { registeredByAgent, registrationProblem, versionWarning } from "./registration.ts";
import type { ServiceEndpoints } from "./removal-budget.ts";
import { Session, type SessionOwner } from "./session.ts";
import { setReady, type WorkloadReportOptions } from "./workload-report.ts";

export interface RegistryOptions {
  readonly runtime: Runtime;
  readonly objects: Pick<
    Objects,
    "get" | "list" | "create" | "change" | "patchStatus" | "delete" | "event" | "revision"
  >;
  readonly authority: Pick<Authority, "trustDomain" | "tokens">;
  readonly settings: ControlSettings;
  readonly version: string;
  /** Resolves when every proxy has what the store held at this revision. */
  readonly settled: (revision: number) => Promise<void>;
  readonly onLoad: (workload: AgentWorkload, report: LoadReport) => void;
}

/** A workload whose agent is connected. */
export interface AgentWorkload {
  readonly namespace: string;
  readonly workload: string;
  readonly serviceAccount: string;
  /** What it is called, also when it is client-only and there is no Service. */
  readonly service: string;
  readonly version: string;
  readonly isEphemeral: boolean;
  readonly connectedAtMs: number;
}

const writer = { fieldManager: registryManager };

export class Registry implements SessionOwner {
  readonly #options: RegistryOptions;
  readonly #runtime: Runtime;
  readonly #liveness: Liveness;
  readonly #turns = new KeyedTurns();
  /** Every open stream, registered or not. */
  readonly #streams = new Set<Session>();
  /** The stream that stands for a workload, by key. */
  readonly #byKey = new Map<string, Session>();
  readonly #leaving = new Set<Session>();
  #isClosing = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#runtime = options.runtime;
    this.#liveness = new Liveness(options.runtime, options.settings, {
      services: (namespace) => this.#services(namespace),
      remove: (key, isStillLost) => this.#removeLost(key, isStillLost),
      keep: (key, service) => this.#keepUnknown(key, service),
    });
  }

  /** The control plane serves: stored workloads have their time to come back. */
  async started(): Promise<void> {
    const { items } = await this.#options.objects.list<Workload>("Workload");
    this.#liveness.started(items.filter(isRegistered).map(keyOf));
  }

  /** Serves one `Agents.Attach` stream until it ends. */
  attach(stream: AgentStream, peer: XdsPeer): void {
    if (this.#isClosing) {
      stream.close({ code: StatusCode.unavailable, message: "the control plane is stopping" });
      return;
    }
    const { questionTimeoutMs } = this.#options.settings;
    const session = new Session({
      runtime: this.#runtime,
      stream,
      peer,
      owner: this,
      questionTimeoutMs,
    });
    this.#streams.add(session);
  }

  /** The workloads whose agents are connected, by key. */
  connected(): ReadonlyMap<string, AgentWorkload> {
    const out = new Map<string, AgentWorkload>();
    for (const [key, session] of this.#byKey) {
      const workload = describe(session);
      if (workload !== null) out.set(key, workload);
    }
    return out;
  }

  /** Puts a question to a workload's proxy; answers its JSON. Throws a MeshError. */
  async ask(
    namespace: string,
    workload: string,
    topic: string,
    args: Readonly<Record<string, string>>,
  ): Promise<Uint8Array> {
    const session = this.#byKey.get(`${namespace}/${workload}`);
    if (session === undefined) {
      const message = `no agent of ${namespace}/${workload} is connected`;
      throw new MeshError("workload-not-connected", message);
    }
    return session.ask(topic, args);
  }

  close(): void {
    this.#isClosing = true;
    this.#liveness.close();
    for (const session of this.#streams) {
      session.close({ code: StatusCode.unavailable, message: "the control plane is stopping" });
    }
  }

  async register(session: Session, register: Register, peer: XdsPeer): Promise<Registered> {
    const problem = registrationProblem(register);
    if (problem !== null) throw new MeshError("registration-invalid", problem);
    const { trustDomain, tokens } = this.#options.authority;
    const { namespace, serviceAccount } = register;
    const { mayCreate } = attest(peer, { namespace, serviceAccount }, { trustDomain, tokens });
    const skew = versionWarning(register.version, this.#options.version);
    const warnings = await enrolSurroundings(this.#options, register, mayCreate);
    if (skew !== null) warnings.unshift(skew);
    const workload = await chooseWorkloadName(this.#options, register);
    const address = register.address === "" ? hostOf(peer.address) : register.address;
    const key = `${namespace}/${workload}`;
    await this.#turns.take(key, async () => {
      if (!register.ephemeral) await enrolWorkload(this.#options, register, workload, address);
      if (this.#streams.has(session)) this.#takeOver(key, session, register.ephemeral);
      // The stream ended meanwhile: what was just written has nobody standing for it.
      else if (!register.ephemeral && !this.#byKey.has(key)) this.#loseAtOnce(key);
    });
    this.#runtime.log.info("agent registered", { workload: key, peer: peer.address });
    return { namespace, workload, address, trustDomain, warnings };
  }

  statusWriter(session: Session): WorkloadReportOptions["write"] {
    const { key } = session;
    if (session.registration?.ephemeral === true) return () => Promise.resolve();
    const { namespace, name } = partsOf(key);
    return (mutate) =>
      this.#turns.take(key, async () => {
        if (this.#byKey.get(key) !== session) return;
        const { objects } = this.#options;
        await objects.patchStatus<Workload>("Workload", namespace, name, mutate, writer);
      });
  }

  load(session: Session, report: LoadReport): void {
    const workload = describe(session);
    if (workload !== null) this.#options.onLoad(workload, report);
  }

  async deregister(session: Session, reason: string): Promise<void> {
    const { key } = session;
    if (this.#byKey.get(key) !== session) return;
    this.#leaving.add(session);
    this.#liveness.forget(key);
    if (session.registration?.ephemeral === true) return;
    await session.stopReporting();
    const { namespace, name } = partsOf(key);
    const { objects, settings, settled } = this.#options;
    try {
      await this.#turns.take(key, () => objects.delete("Workload", namespace, name));
    } catch (error) {
      // The store takes no writes: removed like a lost one, once it does.
      this.#leaving.delete(session);
      if (this.#byKey.get(key) === session) this.#liveness.attached(key);
      else this.#loseAtOnce(key);
      throw error;
    }
    this.#runtime.log.info("agent left", { workload: key, reason });
    const waited = new AbortController();
    const limit = sleep(this.#runtime.timers, settings.deregisterWaitMs, waited.signal);
    await Promise.race([settled(objects.revision()), limit]);
    waited.abort();
  }

  ended(session: Session): void {
    this.#streams.delete(session);
    const { key } = session;
    const hasLeft = this.#leaving.delete(session);
    if (this.#byKey.get(key) !== session) return;
    this.#byKey.delete(key);
    if (hasLeft || this.#isClosing) return;
    if (session.registration?.ephemeral === true) this.#liveness.forget(key);
    else this.#liveness.streamEnded(key);
  }

  /** The newest stream stands for the workload; an older one, which may be a dead one, is ended. */
  #takeOver(key: string, session: Session, isEphemeral: boolean): void {
    const older = this.#byKey.get(key);
    session.key = key;
    this.#byKey.set(key, session);
    if (!isEphemeral) this.#liveness.attached(key);
    if (older !== undefined && older !== session) {
      const message = `a newer stream of ${key} has taken over`;
      older.close({ code: StatusCode.aborted, message });
    }
  }

  #loseAtOnce(key: string): void {
    this.#liveness.attached(key);
    this.#liveness.streamEnded(key);
  }

  async #services(namespace: string): Promise<ServiceEndpoints[]> {
    const { objects } = this.#options;
    const [services, workloads] = await Promise.all([
      objects.list<Service>("Service", namespace),
      objects.list<Workload>("Workload", namespace),
    ]);
    const endpoints = workloads.items.filter(isEndpoint);
    return services.items.map((service) => ({
      service: keyOf(service),
      workloads: endpoints.filter((workload) => isSelected(service, workload)).map(keyOf),
    }));
  }

  #removeLost(key: string, isStillLost: () => boolean): Promise<boolean> {
    const { namespace, name } = partsOf(key);
    const { objects } = this.#options;
    return this.#turns.take(key, async () => {
      if (!isStillLost()) return false;
      const standing = await objects.get<Workload>("Workload", namespace, name);
      if (standing === null || !isRegistered(standing)) return false;
      const { uid } = standing.metadata;
      await objects.delete("Workload", namespace, name, uid === undefined ? {} : { uid });
      this.#runtime.log.warn("a workload's agent is gone; the workload was removed", {
        workload: key,
      });
      return true;
    });
  }

  async #keepUnknown(key: string, service: string): Promise<void> {
    const { namespace, name } = partsOf(key);
    const { objects, settings } = this.#options;
    const message =
      `the agent of ${key} is gone, but with it ${service} would lose more than half of its ` +
      `endpoints within ${settings.removalWindowMs / 1000} s, or its last one`;
    await this.#turns.take(key, async () => {
      if (this.#byKey.has(key)) return;
      const mutate = (workload: Workload): void => {
        const unknown = { status: "Unknown", reason: "AgentLost", message } as const;
        setReady(workload, unknown, this.#runtime.clock.nowMs());
      };
      await objects.patchStatus<Workload>("Workload", namespace, name, mutate, writer);
    });
    this.#runtime.log.warn("endpoint kept", { workload: key, service, reason: message });
    const involved = { apiVersion: "v1", kind: "Service", ...partsOf(service) };
    const text = { type: "Warning", reason: "EndpointKept", component: registryManager } as const;
    await objects.event(involved, { ...text, message });
  }
}

function describe(session: Session): AgentWorkload | null {
  const { registration, key, connectedAtMs } = session;
  if (registration === null) return null;
  return {
    namespace: registration.namespace,
    workload: partsOf(key).name,
    serviceAccount: registration.serviceAccount,
    service: registration.service || (registration.labels[SERVICE_LABEL] ?? ""),
    version: registration.version,
    isEphemeral: registration.ephemeral,
    connectedAtMs,
  };
}

function isRegistered(workload: Workload): boolean {
  return workload.metadata.annotations?.[REGISTERED_ANNOTATION] === registeredByAgent;
}

/** Does a caller get to see it? As `compile/` decides: not while its health check fails. */
function isEndpoint(workload: Workload): boolean {
  const ready = workload.status?.conditions?.find(({ type }) => type === "Ready")?.status;
  if (ready !== undefined) return ready !== "False";
  return (workload.spec.ports ?? []).some(({ meshPort }) => meshPort === undefined);
}

function isSelected(service: Service, workload: Workload): boolean {
  const labels = workload.metadata.labels ?? {};
  const selector = Object.entries(service.spec.selector ?? {});
  return selector.length > 0 && selector.every(([label, value]) => labels[label] === value);
}

function keyOf(object: { metadata: { namespace?: string; name: string } }): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

function partsOf(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** `127.0.0.1:4711`, `[::1]:4711` or `::ffff:127.0.0.1:4711` without what is not the address. */
function hostOf(peerAddress: string): string {
  const host = peerAddress.slice(0, peerAddress.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host;
}
