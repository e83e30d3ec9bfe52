// gRPC through real sidecars: a GRPCRoute splits and chooses by method, deadlines and statuses
// arrive as gRPC's own libraries mean them, streams and the services beside them pass.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { GrpcCaller } from "../harness/grpc-caller.ts";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { eventually } from "../harness/processes.ts";

const program = path.join(root, "test/harness/programs/grpc-server.mjs");
const VERSION = "/test.Echo/Version";

const versions = ["v1", "v2"]
  .map(
    (version) => `apiVersion: v1
kind: Service
metadata: { name: rpc-${version} }
spec:
  selector: { weft.dev/service: rpc, version: ${version} }
  ports: [{ name: grpc, port: 80, targetPort: grpc, appProtocol: grpc }]
`,
  )
  .join("---\n");

/** Split by weight; Echo and whoever asks for it by a header have version 2. */
const route = `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: rpc }
spec:
  parentRefs: [{ group: "", kind: Service, name: rpc }]
  rules:
    - name: chosen
      matches:
        - method: { service: test.Echo, method: Version }
          headers: [{ name: x-version, value: v2 }]
      backendRefs: [{ name: rpc-v2, port: 80 }]
    - name: split
      matches: [{ method: { service: test.Echo } }]
      backendRefs:
        - { name: rpc-v1, port: 80, weight: 75 }
        - { name: rpc-v2, port: 80, weight: 25 }
`;

interface RouteObject {
  status?: { parents?: { conditions: { type: string; status: string; message: string }[] }[] };
}

test("gRPC through two sidecars", { timeout: 120_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  for (const version of ["v1", "v2"]) {
    await mesh.run({
      service: "rpc",
      port: await freePort(),
      version,
      flags: ["--protocol", "grpc", "--health-path", "/test.Echo"],
      command: [nodeBin, program],
      environment: { APP_VERSION: version },
    });
  }
  const client = await mesh.run({
    service: "client",
    port: null,
    flags: ["--upstream", "rpc"],
    command: ["sh", "-c", 'echo "UPSTREAM $WEFT_UPSTREAM_RPC"; exec sleep 1000'],
  });
  await mesh.ready("rpc", 2);
  const caller = new GrpcCaller(Number((await client.printed(/UPSTREAM 127\.0\.0\.1:(\d+)/))[1]));
  context.after(() => caller.close());

  await context.test("calls, streams and reflection pass", async () => {
    assert.deepEqual(await caller.call("/test.Echo/Echo", "hello"), {
      code: 0,
      details: "",
      text: "hello",
    });
    const texts = ["a", "b", "x".repeat(100_000)];
    assert.deepEqual(await caller.chat("/test.Echo/Chat", texts), texts);
    const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    assert.deepEqual(await caller.chat(reflection, ["list"]), ["list"]);
    const health = await caller.call("/grpc.health.v1.Health/Check");
    assert.equal(health.text, "\b\u0001");
  });

  await context.test("statuses arrive with their texts", async () => {
    const failed = await caller.call("/test.Echo/Fail", "9");
    assert.deepEqual(failed, { code: 9, details: "asked for 9: ä%", text: "" });
    const unknown = await caller.call("/test.Echo/Unknown");
    assert.equal(unknown.code, 12);
  });

  await context.test("a deadline travels and is shortened", async () => {
    const left = Number((await caller.call("/test.Echo/Left", "", { timeoutMs: 5_000 })).text);
    assert.ok(left > 3_000 && left < 5_000, `${left} ms`);
  });

  await context.test("a GRPCRoute splits by weight and chooses by header", async () => {
    await mesh.apply(`${versions}---\n${route}`);
    await eventually("the route is programmed", async () => {
      const list = await mesh.json<{ items: RouteObject[] }>("get", "grpcroutes");
      const conditions = list.items[0]?.status?.parents?.[0]?.conditions ?? [];
      return conditions.length === 3 && conditions.every(({ status }) => status === "True")
        ? true
        : null;
    });
    const answers = await Promise.all(Array.from({ length: 400 }, () => caller.call(VERSION)));
    assert.ok(answers.every(({ code }) => code === 0));
    const share = answers.filter(({ text }) => text === "v2").length / answers.length;
    // Five standard deviations.
    assert.ok(Math.abs(share - 0.25) < 0.11, `${share}`);
    const chosen = await Promise.all(
      Array.from({ length: 20 }, () =>
        caller.call(VERSION, "", { metadata: { "x-version": "v2" } }),
      ),
    );
    assert.deepEqual(new Set(chosen.map(({ text }) => text)), new Set(["v2"]));
    const unmatched = await caller.call("/test.Other/Method");
    assert.equal(unmatched.code, 12, "no rule: not implemented");
    assert.match(unmatched.details, /no GRPCRoute of default\/rpc matches/);
  });

  await context.test("commands show it", async () => {
    const table = await mesh.weft("get", "grpcroutes");
    assert.match(table.stdout, /^NAME\s+HOSTNAMES\s+AGE\nrpc\s/);
    const described = await mesh.weft("describe", "grpcroute", "rpc");
    assert.equal(described.code, 0, described.stderr);
    assert.match(described.stdout, /Accepted\s.*True|True\s.*Accepted/);
    const metrics = await eventually("statuses are counted", async () => {
      const { items } = await mesh.json<{ items: { service: string; successRate: number }[] }>(
        "stat",
      );
      return items.find(({ service }) => service === "rpc") ?? null;
    });
    assert.equal(metrics.successRate, 1, "FAILED_PRECONDITION and UNIMPLEMENTED are answers");
  });

  await context.test("nobody to serve it is UNAVAILABLE, and says why", async () => {
    await mesh.apply(route.replaceAll("rpc-v1", "rpc-v3").replaceAll("rpc-v2", "rpc-v3"));
    await eventually("it is refused", async () => {
      const { code } = await caller.call(VERSION);
      return code === 14 ? true : null;
    });
  });
});
