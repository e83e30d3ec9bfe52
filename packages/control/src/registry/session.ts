// One agent's Attach stream: the registration first, then its reports, answers and farewell, in
// whatever order they come. What a session may do to the store is its owner's (registry.ts).

import type { Runtime, Timer } from "@weft/runtime";
import { type Status, StatusCode, type XdsPeer } from "@weft/xds";
import type { AgentStream } from "@weft/xds/grpc";
import type {
  AgentMessage,
  ControlMessage,
  LoadReport,
  Register,
  Registered,
} from "@weft/xds/messages/weft/v1/agent.js";
import { enrolError } from "./enrol.ts";
import { Questions } from "./questions.ts";
import { WorkloadReport, type WorkloadReportOptions } from "./workload-report.ts";

/** What the registry does for a session. */
export interface SessionOwner {
  /** Throws a MeshError to refuse. */
  register(session: Session, register: Register, peer: XdsPeer): Promise<Registered>;
  /** The writer of a registered workload's status. */
  statusWriter(session: Session): WorkloadReportOptions["write"];
  load(session: Session, report: LoadReport): void;
  /** Resolves when peers know, or after the longest wait. */
  deregister(session: Session, reason: string): Promise<void>;
  ended(session: Session): void;
}

export interface SessionOptions {
  readonly runtime: Runtime;
  readonly stream: AgentStream;
  readonly peer: XdsPeer;
  readonly owner: SessionOwner;
  readonly questionTimeoutMs: number;
}

const registerWithinMs = 10_000;

export class Session {
  readonly connectedAtMs: number;
  /** `<namespace>/<workload>`, from when the stream stands for it; "" before. Set by the owner. */
  key = "";
  readonly #options: SessionOptions;
  readonly #registerTimer: Timer;
  #register: Register | null = null;
  #questions: Questions | null = null;
  #report: WorkloadReport | null = null;
  #isOver = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { runtime, stream } = options;
    this.connectedAtMs = runtime.clock.nowMs();
    const onSilence = (): void => {
      const message = `no registration came within ${registerWithinMs / 1000} s`;
      this.close({ code: StatusCode.deadlineExceeded, message });
    };
    this.#registerTimer = runtime.timers.after(registerWithinMs, onSilence, { background: true });
    stream.begin({
      onMessage: (message) => this.#hear(message),
      onDrain: () => undefined,
      onEnd: () => this.#end(),
    });
  }

  /** Null before the registration was accepted. */
  get registration(): Register | null {
    return this.key === "" ? null : this.#register;
  }

  ask(topic: string, args: Readonly<Record<string, string>>): Promise<Uint8Array> {
    if (this.#questions === null) return Promise.reject(new Error("not registered"));
    return this.#questions.ask(topic, args);
  }

  /** A sentence the agent logs. */
  notice(level: "info" | "warn" | "error", message: string): void {
    this.#send({ $case: "notice", notice: { level, message } });
  }

  /** Ends the stream from this side. */
  close(status?: Status): void {
    if (this.#isOver) return;
    this.#options.stream.close(status);
    this.#end();
  }

  /** Nothing more is written to the workload's status once this resolves. */
  async stopReporting(): Promise<void> {
    await this.#report?.close();
  }

  #hear(envelope: AgentMessage): void {
    const { message } = envelope;
    if (message === undefined || this.#isOver) return;
    if (message.$case === "register") {
      void this.#onRegister(message.register);
      return;
    }
    if (this.#report === null) {
      const text = "the first message has to be the registration, and has to be answered";
      this.close({ code: StatusCode.invalidArgument, message: text });
      return;
    }
    switch (message.$case) {
      case "health":
        return this.#report?.health(message.health);
      case "proxyStatus":
        return this.#report?.proxy(message.proxyStatus);
      case "load":
        return this.#options.owner.load(this, message.load);
      case "answer":
        return this.#questions?.answered(message.answer);
      case "deregister":
        void this.#onDeregister(message.deregister.reason);
    }
  }

  async #onRegister(register: Register): Promise<void> {
    if (this.#register !== null) {
      const message = "this stream has its registration already";
      this.close({ code: StatusCode.invalidArgument, message });
      return;
    }
    this.#register = register;
    const { owner, peer, runtime, questionTimeoutMs } = this.#options;
    try {
      const registered = await owner.register(this, register, peer);
      this.#registerTimer.cancel();
      if (this.#isOver) return;
      this.#questions = new Questions({
        runtime,
        workload: this.key,
        timeoutMs: questionTimeoutMs,
        send: (question) => this.#send({ $case: "question", question }),
      });
      this.#report = new WorkloadReport({ runtime, write: owner.statusWriter(this) });
      this.#send({ $case: "registered", registered });
    } catch (thrown) {
      const error = enrolError(thrown);
      this.close({ code: error.row.grpcCode, message: `${error.code}: ${error.message}` });
    }
  }

  async #onDeregister(reason: string): Promise<void> {
    try {
      await this.#options.owner.deregister(this, reason);
      this.#send({ $case: "deregistered", deregistered: {} });
    } catch (thrown) {
      this.notice("error", `the workload could not be removed: ${enrolError(thrown).message}`);
    }
  }

  #send(message: NonNullable<ControlMessage["message"]>): void {
    if (!this.#isOver) this.#options.stream.send({ message });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#registerTimer.cancel();
    this.#questions?.close();
    void this.#report?.close();
    this.#options.owner.ended(this);
  }
}
