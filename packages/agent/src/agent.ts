// The agent of one workload: identity, registration, health, and the proxy beside it, in this
// process. It keeps the proxy serving while the control plane is away (design sections 2 and 5).

import { isLoopback, localAddressTowards, type Runtime, type Timer } from "@weft/runtime";
import { openProxy, type ProxyHandle } from "@weft/proxy";
import { createXdsClient, writeNode, type XdsClient } from "@weft/xds";
import type {
  AgentMessage,
  ControlMessage,
  Question,
  Register,
  Registered,
} from "@weft/xds/messages/weft/v1/agent.js";
import { Register as RegisterMessage } from "@weft/xds/messages/weft/v1/agent.js";
import { ControlLink } from "./control-link.ts";
import { AgentFailure } from "./failure.ts";
import { type HealthProbe, probe } from "./health/check.ts";
import { HealthMonitor } from "./health/monitor.ts";
import { decodeIdentity, encodeIdentity, type Identity } from "./identity/source.ts";
import { findToken } from "./identity/token.ts";
import type { AgentOptions } from "./options.ts";
import { proxyAddresses } from "./proxy-addresses.ts";
import { WorkloadFolder } from "./workload-folder.ts";

const loadPeriodMs = 2_000;
const probeTimeoutMs = 1_000;
const startDeadlineMs = 10_000;
const defaultTrustDomain = "weft.local";

export class Agent {
  readonly workload: string;
  readonly #options: AgentOptions;
  readonly #runtime: Runtime;
  readonly #folder: WorkloadFolder;
  readonly #link: ControlLink;
  #proxy: ProxyHandle | null = null;
  #xds: XdsClient | null = null;
  #monitor: HealthMonitor | null = null;
  #loadTimer: Timer | null = null;
  #address = "127.0.0.1";
  #health = { isReady: false, message: "not checked yet" };
  #deregistered: PromiseWithResolvers<void> | null = null;
  #failed: Promise<never>;
  #fail: (error: AgentFailure) => void = () => {};

  /**
   * Claims the workload's folder. Throws an AgentFailure when token or data directory are unusable.
   */
  constructor(options: AgentOptions) {
    this.#options = options;
    this.#runtime = options.runtime;
    this.#folder = claimFolder(options);
    this.workload = this.#folder.workload;
    this.#failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
    this.#link = new ControlLink({
      runtime: options.runtime,
      address: options.control,
      token: findToken({ tokenFile: options.tokenFile, dataDir: options.dataDir }),
      namespace: options.namespace,
      serviceAccount: options.serviceAccount,
      onIdentity: (identity) => this.#useIdentity(identity),
    });
  }

  get proxy(): ProxyHandle {
    if (this.#proxy === null) throw new Error("the proxy is not open yet");
    return this.#proxy;
  }

  /** Rejects when the control plane refuses this workload for good. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  /**
   * Opens the proxy and waits until the program may start: SVID, complete snapshot (or the one on
   * disk), bound listeners. Rejects with an AgentFailure after ten seconds without them.
   */
  async start(): Promise<void> {
    const { noWait } = this.#options;
    this.#adoptStoredIdentity();
    this.#address = await this.#chooseAddress();
    const linked = this.#link.open();
    const deadline = new Promise<"late">((resolve) => {
      this.#runtime.timers.after(noWait ? 0 : startDeadlineMs, () => resolve("late"), {
        background: true,
      });
    });
    if (this.#link.identity.current === null) await Promise.race([linked, deadline]);
    this.#proxy = await this.#openProxy();
    const identity = this.#link.identity.current;
    if (identity !== null) this.#proxy.setIdentity(identity);
    const stored = this.#folder.read("snapshot.bin");
    if (stored !== null && !this.#proxy.loadSnapshot(stored)) {
      this.#runtime.log.warn("the snapshot on disk is damaged or of another version; not used");
    }
    void this.#serve(linked);
    const outcome = await Promise.race([this.#proxy.ready, this.#failed, deadline]);
    if (outcome === "late" && !noWait && !this.#proxy.isReady) throw this.#lateFailure();
  }

  /** Begins the health check of the program; call it when the program has been started. */
  watchHealth(): void {
    const { port, appAddress, healthPath, protocol } = this.#options;
    if (port === null) return;
    const target: HealthProbe =
      healthPath !== null && protocol !== "grpc"
        ? { kind: "http", address: appAddress, port, path: healthPath }
        : healthPath !== null
          ? { kind: "grpc", address: appAddress, port, service: healthPath.replace(/^\//, "") }
          : { kind: "tcp", address: appAddress, port };
    this.#monitor = new HealthMonitor({
      runtime: this.#runtime,
      run: () => probe(target, probeTimeoutMs),
      onChange: (isReady, message) => {
        this.#health = { isReady, message };
        if (!isReady) this.#runtime.log.warn("the program is not ready", { reason: message });
        else this.#runtime.log.info("the program is ready");
        this.#link.send(this.#healthMessage());
      },
    });
  }

  /**
   * Leaves the mesh: peers are told first (at most 2 s), then what is in flight ends (at most
   * `drainMs`).
   */
  async leave(drainMs: number): Promise<void> {
    this.#monitor?.close();
    await this.deregister("stopping");
    await this.#proxy?.drain(drainMs);
  }

  /** Tells the control plane that this workload is gone; resolves when peers know, or after 2 s. */
  async deregister(reason: string): Promise<void> {
    this.#deregistered ??= Promise.withResolvers<void>();
    if (!this.#link.send({ message: { $case: "deregister", deregister: { reason } } })) return;
    this.#runtime.timers.after(2_000, () => this.#deregistered?.resolve(), { background: true });
    await this.#deregistered.promise;
  }

  async close(): Promise<void> {
    this.#monitor?.close();
    this.#loadTimer?.cancel();
    this.#xds?.close();
    this.#link.close();
    await this.#proxy?.close();
    if (this.#deregistered !== null || this.#options.ephemeral) this.#folder.remove();
  }

  #adoptStoredIdentity(): void {
    const bytes = this.#folder.read("identity.json");
    const identity = bytes === null ? null : decodeIdentity(bytes);
    if (identity !== null) this.#link.identity.adopt(identity);
  }

  async #chooseAddress(): Promise<string> {
    const { address, control } = this.#options;
    if (address !== null) return address;
    const { host, port } = splitHostPort(control);
    if (isLoopback(host)) return "127.0.0.1";
    return (await localAddressTowards(host, port)) ?? "127.0.0.1";
  }

  async #openProxy(): Promise<ProxyHandle> {
    const options = this.#options;
    const spiffeId = this.#link.identity.current?.spiffeId;
    const proxy = await openProxy({
      runtime: this.#runtime,
      workload: {
        namespace: options.namespace,
        workload: this.workload,
        service: options.port === null ? "" : options.service,
        version: options.version,
      },
      trustDomain: spiffeId === undefined ? defaultTrustDomain : new URL(spiffeId).host,
      domain: "cluster.local",
      concurrency: options.concurrency,
      drainMs: options.drainMs,
      explain: options.explain,
      addresses: proxyAddresses(options, this.#address),
    });
    if (!options.ephemeral) {
      proxy.onSnapshot((bytes) => this.#keep("snapshot.bin", bytes));
    }
    return proxy;
  }

  /** Everything that needs the control plane; runs until `close`. */
  async #serve(linked: Promise<void>): Promise<void> {
    try {
      await linked;
      await this.#link.attach({
        register: () => this.#registration(),
        onRegistered: (registered, send) => this.#onRegistered(registered, send),
        onMessage: (message, send) => this.#onMessage(message, send),
        onLost: (reason) =>
          this.#runtime.log.warn("lost the control plane; serving on", { reason }),
      });
      this.#subscribe();
      this.#loadTimer = this.#runtime.timers.every(loadPeriodMs, () => this.#sendLoad(), {
        background: true,
      });
    } catch (error) {
      const failure = error instanceof AgentFailure ? error : null;
      if (failure !== null) this.#fail(failure);
      else
        this.#runtime.log.error("the link to the control plane failed", { reason: String(error) });
    }
  }

  #subscribe(): void {
    const options = this.#options;
    const { ports, xdsHandler } = this.proxy;
    this.#xds = createXdsClient({
      runtime: this.#runtime,
      node: writeNode({
        namespace: options.namespace,
        workload: this.workload,
        serviceAccount: options.serviceAccount,
        cluster: options.service,
        kind: "builtin",
        version: options.weftVersion,
        ports: this.#workloadPorts(ports.inbound),
      }),
      connect: () => this.#link.connectXds(),
      handler: xdsHandler,
    });
    this.proxy.attach(this.#xds);
  }

  #workloadPorts(
    inbound: Readonly<Record<string, number>>,
  ): { name: string; port: number; protocol: string; meshPort: number }[] {
    const { port, protocol } = this.#options;
    if (port === null) return [];
    return [{ name: protocol, port, protocol, meshPort: inbound[protocol] ?? 0 }];
  }

  #registration(): Register {
    const options = this.#options;
    return RegisterMessage.fromPartial({
      namespace: options.namespace,
      workload: this.workload,
      serviceAccount: options.serviceAccount,
      service: options.port === null ? "" : options.service,
      labels: {
        ...options.labels,
        "weft.dev/service": options.service,
        ...(options.version === "" ? {} : { version: options.version }),
      },
      address: this.#address,
      ports: this.#workloadPorts(this.proxy.ports.inbound),
      weight: options.weight,
      region: options.locality.region,
      zone: options.locality.zone,
      create: true,
      version: options.weftVersion,
      proxyKind: "builtin",
      servicePort: options.port ?? 0,
      ephemeral: options.ephemeral,
    });
  }

  #onRegistered(registered: Registered, send: (message: AgentMessage) => void): void {
    for (const warning of registered.warnings) this.#runtime.log.warn(warning);
    this.#runtime.log.info("registered", {
      workload: `${registered.namespace}/${registered.workload}`,
      address: this.#address,
    });
    send({
      message: {
        $case: "proxyStatus",
        proxyStatus: {
          kind: "builtin",
          version: this.#options.weftVersion,
          configVersion: this.proxy.configVersion,
          adminPort: this.proxy.ports.admin,
          metricsPort: this.proxy.ports.metrics,
          outboundPort: this.proxy.ports.outbound,
          dnsPort: 0,
        },
      },
    });
    if (this.#monitor !== null || this.#options.port === null) send(this.#healthMessage());
  }

  #healthMessage(): AgentMessage {
    const isReady = this.#health.isReady || this.#options.port === null;
    const message = isReady ? "" : this.#health.message;
    const reason = isReady ? "Healthy" : "HealthCheckFailed";
    return { message: { $case: "health", health: { ready: isReady, reason, message } } };
  }

  #onMessage(message: ControlMessage, send: (message: AgentMessage) => void): void {
    const body = message.message;
    if (body?.$case === "deregistered") this.#deregistered?.resolve();
    else if (body?.$case === "question") void this.#answer(body.question, send);
    else if (body?.$case === "notice") {
      const { level, message: text } = body.notice;
      if (level === "error") this.#runtime.log.error(text);
      else if (level === "warn") this.#runtime.log.warn(text);
      else this.#runtime.log.info(text);
    }
  }

  async #answer(question: Question, send: (message: AgentMessage) => void): Promise<void> {
    let body: unknown = null;
    let error = "";
    try {
      body = await this.proxy.ask(question.topic, question.arguments);
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    }
    const bytes = Buffer.from(JSON.stringify(body));
    send({ message: { $case: "answer", answer: { id: question.id, body: bytes, error } } });
  }

  #sendLoad(): void {
    const rows = this.proxy.takeLoad();
    if (rows.length === 0) return;
    this.#link.send({
      message: { $case: "load", load: { intervalMs: loadPeriodMs, rows } },
    });
  }

  #useIdentity(identity: Identity): void {
    this.#proxy?.setIdentity(identity);
    if (!this.#options.ephemeral) this.#keep("identity.json", encodeIdentity(identity));
  }

  /** A full disk costs the next start without a control plane, nothing now. */
  #keep(name: "snapshot.bin" | "identity.json", bytes: Uint8Array): void {
    try {
      this.#folder.write(name, bytes);
    } catch (error) {
      this.#runtime.log.warn(`could not keep ${name}`, { reason: String(error) });
    }
  }

  #lateFailure(): AgentFailure {
    const { control } = this.#options;
    const why = this.#link.lastError === "" ? "" : ` (${this.#link.lastError})`;
    return this.#link.identity.current === null
      ? new AgentFailure(
          "control-unreachable",
          `no control plane at ${control} after 10 s${why}`,
          "Start one with `weft up`, name it with --control, or start anyway with --no-wait.",
        )
      : new AgentFailure(
          "snapshot-missing",
          `no configuration from the control plane at ${control} after 10 s${why}`,
          "Look at `weft proxy list`, or start anyway with --no-wait.",
        );
  }
}

function claimFolder(options: AgentOptions): WorkloadFolder {
  try {
    return WorkloadFolder.claim({
      dataDir: options.dataDir,
      namespace: options.namespace,
      service: options.service,
      fingerprint: `${options.version}|${options.port ?? ""}|${options.serviceAccount}|${options.control}`,
      letters: () => fiveLetters(options.runtime),
    });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new AgentFailure(
      "data-directory-unusable",
      `cannot write below ${options.dataDir} (${reason})`,
      "Check its owner and free space, or choose another with --data-dir.",
      { cause: error },
    );
  }
}

/** Kubernetes' alphabet for generated names: no vowels, so no words. */
function fiveLetters(runtime: Runtime): string {
  const alphabet = "bcdfghjklmnpqrstvwxz";
  let out = "";
  for (let i = 0; i < 5; i++) out += alphabet[runtime.random.integer(alphabet.length)];
  return out;
}

function splitHostPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  return {
    host: address.slice(0, at).replace(/^\[|\]$/g, ""),
    port: Number(address.slice(at + 1)),
  };
}
