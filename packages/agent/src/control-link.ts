// The agent's link to the control plane: first contact, the SVID, the Attach stream with its
// reconnections, and streams for xDS. Losing the link stops nothing that runs: it is tried again
// with jittered back-off.

import { jitter, type Runtime, sleep } from "@weft/runtime";
import { StatusCode, type XdsStream } from "@weft/xds";
import { type ControlStream, type GrpcChannel, openGrpcChannel } from "@weft/xds/grpc";
import type {
  AgentMessage,
  ControlMessage,
  Register,
  Registered,
} from "@weft/xds/messages/weft/v1/agent.js";
import { SignCertificateRequest } from "@weft/xds/messages/weft/v1/identity.js";
import { AgentFailure } from "./failure.ts";
import { type Identity, IdentitySource } from "./identity/source.ts";
import type { JoinToken } from "./identity/token.ts";

export interface ControlLinkOptions {
  readonly runtime: Runtime;
  /** `host:port` of the control plane's gRPC port. */
  readonly address: string;
  readonly token: JoinToken | null;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly onIdentity: (identity: Identity) => void;
}

/** What the Attach stream asks of its owner. */
export interface AttachHandler {
  /** The first message of every stream. */
  register(): Register;
  /** The control plane took the registration; send what it should know now. */
  onRegistered(registered: Registered): void;
  onMessage(message: ControlMessage, send: (message: AgentMessage) => void): void;
  onLost(reason: string): void;
}

const backoffFirstMs = 200;
const backoffMaxMs = 5_000;

/** Answers that trying again cannot change. */
const finalCodes: ReadonlySet<number> = new Set([
  StatusCode.unauthenticated,
  StatusCode.permissionDenied,
  StatusCode.invalidArgument,
  StatusCode.alreadyExists,
  StatusCode.failedPrecondition,
]);

export class ControlLink {
  readonly identity: IdentitySource;
  readonly #options: ControlLinkOptions;
  readonly #closing = new AbortController();
  #channel: GrpcChannel | null = null;
  #stream: ControlStream | null = null;
  /** The control plane hears nothing before it has answered the registration. */
  #isRegistered = false;
  #lastError = "";
  /** Another process stands for the workload: a stream that was taken over is not opened again. */
  #yielding: PromiseWithResolvers<void> | null = null;

  constructor(options: ControlLinkOptions) {
    this.#options = options;
    this.identity = new IdentitySource({
      runtime: options.runtime,
      sign: (csr) => this.#sign(csr),
      onIdentity: (identity) => {
        this.#channel?.setIdentity(identity, identity.rootsPem);
        options.onIdentity(identity);
      },
    });
  }

  /** What the last failed attempt said; "" when none failed. */
  get lastError(): string {
    return this.#lastError;
  }

  /**
   * Opens the channel and, without a usable SVID, obtains one; tries until it works or the link is
   * closed. Rejects with an AgentFailure only when the control plane refuses for good.
   */
  async open(): Promise<void> {
    let delayMs = backoffFirstMs;
    while (!this.#closing.signal.aborted) {
      try {
        this.#channel ??= await this.#openChannel();
        if (this.identity.current === null) await this.identity.renew();
        return;
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        this.#lastError = error instanceof Error ? error.message : String(error);
        if (typeof code === "number" && finalCodes.has(code)) throw this.#refusal(error);
        if (error instanceof AgentFailure) throw error;
        await this.#pause(delayMs);
        delayMs = Math.min(delayMs * 2, backoffMaxMs);
      }
    }
  }

  /** A new xDS stream; it ends at once with UNAVAILABLE while there is no channel. */
  connectXds(): XdsStream {
    if (this.#channel === null) throw new Error("connectXds before open");
    return this.#channel.deltaAds();
  }

  /**
   * Keeps one Attach stream open until `close`. Resolves at the first registration; rejects when
   * that first one is refused for good. Later refusals are told to `onLost` and tried again.
   */
  async attach(handler: AttachHandler): Promise<Registered> {
    const first = Promise.withResolvers<Registered>();
    void this.#keepAttached(handler, first);
    return await first.promise;
  }

  /** While it yields, another process of this workload may register in its place. */
  yieldControl(yields: boolean): void {
    if (yields) {
      this.#yielding ??= Promise.withResolvers<void>();
    } else {
      this.#yielding?.resolve();
      this.#yielding = null;
    }
  }

  /** Sends while registered; answers whether it was. */
  send(message: AgentMessage): boolean {
    if (this.#stream === null || !this.#isRegistered) return false;
    this.#stream.send(message);
    return true;
  }

  close(): void {
    this.#closing.abort();
    this.#yielding?.resolve();
    this.identity.close();
    this.#stream?.close();
    this.#channel?.close();
  }

  async #openChannel(): Promise<GrpcChannel> {
    const { runtime, address, token } = this.#options;
    const held = this.identity.current;
    if (held === null && token === null) {
      throw new AgentFailure(
        "identity-refused",
        "no join token: the control plane will not know who this is",
        "Run on the control plane's host, or pass --token-file with a token from `weft token create`.",
      );
    }
    return await openGrpcChannel({
      runtime,
      address,
      trust:
        held === null && token !== null
          ? { rootSha256: token.rootKeySha256 }
          : { rootsPem: held?.rootsPem ?? "" },
      identity: held,
      token: token?.text ?? null,
    });
  }

  async #sign(csr: Uint8Array): ReturnType<GrpcChannel["signCertificate"]> {
    if (this.#channel === null) throw new Error("the control plane is not reachable");
    const { namespace, serviceAccount } = this.#options;
    return await this.#channel.signCertificate(
      SignCertificateRequest.fromPartial({ csr: Buffer.from(csr), namespace, serviceAccount }),
    );
  }

  async #keepAttached(
    handler: AttachHandler,
    first: PromiseWithResolvers<Registered>,
  ): Promise<void> {
    let delayMs = backoffFirstMs;
    let wasRegistered = false;
    while (!this.#closing.signal.aborted) {
      const end = await this.#attachOnce(handler, (registered) => {
        delayMs = backoffFirstMs;
        wasRegistered = true;
        first.resolve(registered);
      });
      if (this.#closing.signal.aborted) return;
      this.#lastError = end.message;
      await this.#yielding?.promise;
      if (this.#closing.signal.aborted) return;
      if (!wasRegistered && finalCodes.has(end.code)) {
        first.reject(this.#refusal(new Error(end.message)));
        return;
      }
      handler.onLost(end.message);
      await this.#pause(delayMs);
      delayMs = Math.min(delayMs * 2, backoffMaxMs);
    }
  }

  #attachOnce(
    handler: AttachHandler,
    onRegistered: (registered: Registered) => void,
  ): Promise<{ code: number; message: string }> {
    return new Promise((resolve) => {
      const stream = this.#channel?.attach();
      if (stream === undefined) return resolve({ code: 0, message: "no channel" });
      this.#stream = stream;
      const send = (message: AgentMessage): void => void stream.send(message);
      stream.begin({
        onMessage: (message) => {
          const body = message.message;
          if (body?.$case === "registered") {
            this.#isRegistered = true;
            onRegistered(body.registered);
            handler.onRegistered(body.registered);
          } else handler.onMessage(message, send);
        },
        onDrain: () => {},
        onEnd: (status) => {
          this.#stream = null;
          this.#isRegistered = false;
          resolve(status ?? { code: 0, message: "the control plane ended the stream" });
        },
      });
      send({ message: { $case: "register", register: handler.register() } });
    });
  }

  async #pause(delayMs: number): Promise<void> {
    const { runtime } = this.#options;
    await sleep(runtime.timers, jitter(runtime.random, delayMs, 0.5), this.#closing.signal);
  }

  #refusal(error: unknown): AgentFailure {
    const message = error instanceof Error ? error.message : String(error);
    return new AgentFailure(
      "control-refused",
      `the control plane at ${this.#options.address} refused: ${message}`,
      "Check the token (--token-file), the namespace and the service account; `weft token create` makes a new token.",
      { cause: error },
    );
  }
}
