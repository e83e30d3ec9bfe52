// Active health checks: what a program says of itself is in its Workload's condition and in the
// endpoints of its peers, soon, in both directions.

import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { eventually } from "../harness/processes.ts";

const fixture = (name: string): string[] => [
  nodeBin,
  path.join(root, "test/harness/programs", name),
];

const failed = "HealthCheckFailed";

interface Condition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

class Subject {
  readonly service: string;
  readonly #mesh: Mesh;
  readonly #controlPort: number;

  constructor(mesh: Mesh, service: string, controlPort: number) {
    this.#mesh = mesh;
    this.service = service;
    this.#controlPort = controlPort;
  }

  static async start(
    mesh: Mesh,
    service: string,
    options: { flags: string[]; command: string[]; environment?: Record<string, string> },
  ): Promise<Subject> {
    const controlPort = await freePort();
    await mesh.run({
      service,
      port: await freePort(),
      flags: options.flags,
      command: options.command,
      environment: { CONTROL_PORT: String(controlPort), ...options.environment },
    });
    return new Subject(mesh, service, controlPort);
  }

  async order(what: string): Promise<void> {
    await eventually(`the program takes the order ${what}`, async () => {
      const answer = await fetch(`http://127.0.0.1:${this.#controlPort}/${what}`, {
        method: "POST",
      });
      return answer.ok ? true : null;
    });
  }

  /** Waits for the condition, with its reason and message. */
  async is(status: "True" | "False", reason: string, message: RegExp): Promise<void> {
    await eventually(
      `${this.service} is Ready=${status}, ${message}`,
      async () => {
        const list = await this.#mesh.json<{
          items: { status?: { conditions?: (Condition & { type: string })[] } }[];
        }>("get", "workloads", "-l", `weft.dev/service=${this.service}`);
        const ready = list.items[0]?.status?.conditions?.find(({ type }) => type === "Ready");
        if (ready?.status !== status || ready.reason !== reason) return null;
        return message.test(ready.message) ? ready : null;
      },
      20_000,
      200,
    );
  }

  /** Waits until the watcher's proxy has so many endpoints of it. */
  async seen(count: number): Promise<void> {
    await eventually(
      `a peer has ${count} endpoints of ${this.service}`,
      async () => {
        const list = await this.#mesh.json<{ items: { cluster: string }[] }>(
          ...["proxy", "endpoints", "watcher"],
        );
        const own = list.items.filter(({ cluster }) =>
          cluster.startsWith(`${this.service}.default.svc.cluster.local:80`),
        );
        return own.length === count ? true : null;
      },
      20_000,
      200,
    );
  }
}

test("health checks", { timeout: 240_000, concurrency: 3 }, async (context) => {
  const mesh = await Mesh.open(context);
  await mesh.run({ service: "watcher", port: null });
  const checks = [
    context.test("HTTP: a status from 200 to 399 is healthy", async () => {
      const subject = await Subject.start(mesh, "web", {
        flags: ["--health-path", "/health"],
        command: fixture("moody.mjs"),
        environment: { STATUS: "503" },
      });
      await subject.is("False", failed, /GET \/health answered 503/);
      await subject.seen(0);
      await subject.order("status/302");
      await subject.is("True", "Healthy", /^$/);
      await subject.seen(1);
      await subject.order("status/500");
      await subject.is("False", failed, /answered 500/);
      await subject.seen(0);
      await subject.order("status/200");
      await subject.is("True", "Healthy", /^$/);
      await subject.seen(1);
    }),
    context.test("TCP: whether the port takes connections", async () => {
      const subject = await Subject.start(mesh, "plain", {
        flags: [],
        command: fixture("moody.mjs"),
      });
      await subject.is("True", "Healthy", /^$/);
      await subject.seen(1);
      await subject.order("listen/false");
      await subject.is("False", failed, /ECONNREFUSED/);
      await subject.seen(0);
      await subject.order("listen/true");
      await subject.is("True", "Healthy", /^$/);
      await subject.seen(1);
    }),
    context.test("gRPC: what the health service says of a service", async () => {
      const subject = await Subject.start(mesh, "rpc", {
        flags: ["--protocol", "grpc", "--health-path", "/test.Echo"],
        command: fixture("grpc-server.mjs"),
      });
      await subject.is("True", "Healthy", /^$/);
      await subject.seen(1);
      await subject.order("serving/false");
      await subject.is("False", failed, /not serving/);
      await subject.seen(0);
      await subject.order("serving/true");
      await subject.is("True", "Healthy", /^$/);
      await subject.seen(1);
    }),
  ];
  await Promise.all(checks);
});
