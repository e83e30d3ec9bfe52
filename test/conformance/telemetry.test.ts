import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import { send } from "./client.ts";

async function metrics(mesh: Mesh, name: string): Promise<string> {
  const { metrics: port } = mesh.proxy(name).ports;
  const answer = await send(port, `http://127.0.0.1:${port}/metrics`);
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers["content-type"]), /^text\/plain; version=0\.0\.4/);
  return answer.body;
}

/** Value of a sample whose labels contain all of these; NaN when there is none. */
function sample(text: string, name: string, labels: Record<string, string>): number {
  let sum = Number.NaN;
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    const fits = Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`));
    if (fits) sum = (Number.isNaN(sum) ? 0 : sum) + Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

behaviour("both ends count every request under its labels", import.meta.url, async (mesh) => {
  for (let i = 0; i < 7; i++) await mesh.send("web", "http://catalog/items/1");
  await mesh.send("web", "http://catalog/nothing");
  mesh.program("catalog-1").onRequest = (_request, response) => {
    response.writeHead(503);
    response.end();
  };
  await mesh.send("web", "http://catalog/items/2", { method: "POST" });
  const outbound = await metrics(mesh, "web");
  const labels = {
    service: "catalog",
    namespace: "default",
    version: "v1",
    route: "default/catalog/items",
  };
  const web = "spiffe://weft.local/ns/default/sa/web";
  const catalog = "spiffe://weft.local/ns/default/sa/catalog";
  assert.equal(
    sample(outbound, "weft_requests_total", {
      ...labels,
      direction: "outbound",
      peer: catalog,
      code: "200",
      flag: "",
    }),
    7,
  );
  assert.equal(
    sample(outbound, "weft_requests_total", {
      direction: "outbound",
      service: "catalog",
      code: "404",
    }),
    1,
  );
  assert.equal(sample(outbound, "weft_requests_total", { direction: "outbound", code: "503" }), 1);
  assert.equal(
    sample(outbound, "weft_request_duration_seconds_count", { ...labels, code: "200" }),
    7,
  );
  assert.equal(
    sample(outbound, "weft_request_duration_seconds_bucket", {
      ...labels,
      code: "200",
      le: "+Inf",
    }),
    7,
  );
  const inbound = await metrics(mesh, "catalog-1");
  assert.equal(
    sample(inbound, "weft_requests_total", {
      direction: "inbound",
      service: "catalog",
      version: "v1",
      peer: web,
      code: "200",
    }),
    7,
  );
  assert.ok(sample(outbound, "weft_cert_expiry_seconds", {}) > 3000);
  assert.equal(sample(outbound, "weft_workers", {}), mesh.concurrency);
  assert.ok(sample(outbound, "weft_xds_updates_total", { type: "CDS", outcome: "accepted" }) >= 1);
  assert.equal(
    sample(outbound, "weft_upstream_endpoints", {
      cluster: "catalog.default.svc.cluster.local:80",
    }),
    1,
  );
  const rows = mesh.proxy("catalog-1").takeLoad();
  const row = rows.find(({ code }) => code === 200);
  assert.equal(row?.requests, 7n);
  assert.equal(row?.direction, "inbound");
  assert.equal(row?.mtls, true);
  assert.equal(row?.success, true);
  assert.equal(
    row?.durationBuckets.reduce((sum, count) => sum + count, 0n),
    7n,
  );
  assert.equal(rows.find(({ code }) => code === 503)?.success, false);
  assert.deepEqual(mesh.proxy("catalog-1").takeLoad(), []);
});

behaviour("promtool finds nothing to say about the metrics", import.meta.url, async (mesh) => {
  await mesh.send("web", "http://catalog/items/1");
  const text = await metrics(mesh, "web");
  const result = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  if (result.error !== undefined) {
    assert.ok(!(process.env["WEFT_REQUIRE"] ?? "").includes("promtool"), "promtool is required");
    return;
  }
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}`);
  assert.equal(`${result.stdout}${result.stderr}`.trim(), "");
});

behaviour(
  "a request that asks for it can be explained afterwards",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(`
kind: TrafficPolicy
metadata: { name: catalog }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  outlierDetection: { consecutiveGatewayErrors: 0 }
  retry: { attempts: 1, on: ["503"], budget: { percent: 100, minPerSecond: 100 } }
`);
    let count = 0;
    mesh.program("catalog-1").onRequest = (request, response) => {
      assert.equal(request.headers["x-weft-explain"], undefined);
      count++;
      response.writeHead(count === 1 ? 503 : 200);
      response.end();
    };
    const answer = await mesh.send("web", "http://catalog/items/9", {
      headers: { "x-weft-explain": "1" },
    });
    assert.equal(answer.status, 200);
    const requestId = String(answer.headers["x-request-id"]);
    const explanation = (await mesh.proxy("web").ask("explain", { requestId })) as {
      route: string;
      cluster: string;
      attempts: { endpoint: string; status: number; durationMs: number }[];
      policies: { kind: string; name: string }[];
      configVersion: string;
      requestId: string;
    };
    assert.equal(explanation.requestId, requestId);
    assert.equal(explanation.route, "default/catalog/items");
    assert.equal(explanation.cluster, "catalog.default.svc.cluster.local:80");
    assert.deepEqual(
      explanation.attempts.map(({ status }) => status),
      [503, 200],
    );
    assert.match(explanation.attempts[0]?.endpoint ?? "", /^127\.0\.0\.1:\d+$/);
    assert.ok(
      explanation.policies.some(({ kind, name }) => kind === "TrafficPolicy" && name === "catalog"),
    );
    assert.equal(explanation.configVersion, mesh.proxy("web").configVersion);
    assert.equal(await mesh.proxy("web").ask("explain", { requestId: "nobody" }), null);
  },
);

behaviour(
  "the admin port shows the rows that run, to this host only",
  import.meta.url,
  async (mesh) => {
    const { admin } = mesh.proxy("web").ports;
    const config = await send(admin, `http://127.0.0.1:${admin}/config`);
    const { version, routes, endpoints } = JSON.parse(config.body) as {
      version: string;
      routes: { virtualHosts: { name: string }[] }[];
      endpoints: { cluster: string; address: string; health: string }[];
    };
    assert.equal(version, mesh.proxy("web").configVersion);
    assert.ok(
      routes[0]?.virtualHosts.some(({ name }) => name === "catalog.default.svc.cluster.local:80"),
    );
    assert.ok(
      endpoints.some(
        ({ health, cluster }) => health === "healthy" && cluster.startsWith("catalog"),
      ),
    );
    const rebound = await send(admin, "http://evil.test/config");
    assert.equal(rebound.status, 403);
    await assert.rejects(mesh.proxy("web").ask("nonsense", {}), /cannot answer/);
  },
);

behaviour(
  "the access log has one line per request, with the configuration it ran under",
  import.meta.url,
  async (mesh) => {
    mesh.lines.length = 0;
    await mesh.send("web", "http://catalog/items/7?q=secret");
    await eventually(() => mesh.lines.filter((line) => line.includes("request")).length >= 2);
    const line = mesh.lines.find((one) => one.includes("direction=outbound")) ?? "";
    for (const field of [
      "method=GET",
      "path=/items/7",
      "status=200",
      "route=default/catalog/items",
    ]) {
      assert.ok(line.includes(field), `${field} in ${line}`);
    }
    assert.ok(line.includes(`configVersion=${mesh.proxy("web").configVersion}`));
    assert.ok(!line.includes("secret"), "a query may hold secrets");
  },
  { accessLog: true },
);

test("every flag has its own code", async () => {
  const { Flag, flagRows } = await import("../../packages/proxy/src/telemetry/response-flags.ts");
  const codes = flagRows.map(({ code }) => code);
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(codes.length, Object.keys(Flag).length);
});
