// gRPC's own interoperability client and server (Go): every case straight and through two sidecars
// of a real mesh gives the same result.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { Mesh, root } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually, type Finished, run } from "../harness/processes.ts";

const folder = path.join(root, ".cache/grpc-interop");
const [client, server] = ["client", "server"].map((name) => path.join(folder, name));

/** The cases of https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md. */
const cases: readonly string[] = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "rpc_soak",
  "channel_soak",
];

/** The load report of a server for each request needs a balancer that reads it. */
const orca = '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}';

function interop(port: number, name: string, ...flags: string[]): Promise<Finished> {
  const at = ["--server_host=127.0.0.1", `--server_port=${port}`];
  return run(client ?? "", [...at, `--test_case=${name}`, ...flags], { env: {} });
}

test("gRPC's interop cases, straight and through two sidecars", {
  timeout: 180_000,
}, async (context) => {
  const found = existsSync(client ?? "") && existsSync(server ?? "");
  if (!hasPart(context, "grpc-interop", found, "npm run setup:test builds them with Go")) return;
  const mesh = await Mesh.open(context);
  const port = await freePort();
  await mesh.run({
    service: "interop",
    port,
    flags: ["--protocol", "grpc"],
    command: ["sh", "-c", `exec ${server} --port=$PORT`],
  });
  await mesh.ready("interop", 1);
  const caller = await mesh.run({
    service: "caller",
    port: null,
    flags: ["--upstream", "interop"],
    command: ["sh", "-c", 'echo "AT $WEFT_UPSTREAM_INTEROP"; exec sleep 1000'],
  });
  const [, upstream] = await caller.printed(/AT 127\.0\.0\.1:(\d+)/);
  const results: string[] = [];
  const record = async (name: string, ...flags: string[]): Promise<void> => {
    const ports = [port, Number(upstream)] as const;
    const [straight, through] = await Promise.all(ports.map((one) => interop(one, name, ...flags)));
    assert.ok(straight !== undefined && through !== undefined);
    if (straight.code === 0 && through.code === 0) return;
    results.push(`${name}: ${straight.code} straight, ${through.code} through\n${through.stderr}`);
  };
  for (const name of cases) {
    await record(name);
  }
  await record("orca_per_rpc", `--service_config_json=${orca}`);
  await record("orca_oob", `--service_config_json=${orca}`);
  assert.deepEqual(results, []);
  await eventually("the sidecars counted them as gRPC", async () => {
    const { items } = await mesh.json<{ items: { service: string; requestsPerSecond: number }[] }>(
      "stat",
    );
    return items.some((row) => row.service === "interop" && row.requestsPerSecond > 0) || null;
  });
});
