// What the proxy does for gRPC whichever codec carries it (http-cases H53). HTTP/1.1 with trailers
// carries it here, so that programs can say exactly what a case needs; test/interop has gRPC's own
// clients and servers.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { behaviour, eventually, type Mesh, type RawConnection, type Sent } from "./harness.ts";

const METHOD = "/shop.Catalog/Get";
const TYPE = "application/grpc+proto";

function call(headers: Record<string, string> = {}): Sent {
  const fields = { "content-type": TYPE, te: "trailers", ...headers };
  return { method: "POST", headers: fields, body: "\0\0\0\0\0" };
}

/** The same on a raw connection, which shows trailers. */
function rawCall(mesh: Mesh, headers = ""): RawConnection {
  return mesh
    .raw("web")
    .write(
      `POST ${METHOD} HTTP/1.1\r\nhost: catalog\r\nte: trailers\r\nconnection: te\r\n` +
        `content-type: ${TYPE}\r\ncontent-length: 5\r\n${headers}\r\n\0\0\0\0\0`,
    );
}

/** The program answers with a gRPC status, in the head or in trailers. */
function answerWith(mesh: Mesh, name: string, status: number, where: "head" | "trailers"): void {
  mesh.program(name).onRequest = (_request, response: ServerResponse) => {
    const fields = { "content-type": TYPE, "x-workload": name };
    if (where === "head") {
      response.writeHead(200, { ...fields, "grpc-status": String(status) });
    } else {
      response.writeHead(200, { ...fields, trailer: "grpc-status" });
      response.write("\0\0\0\0\0");
      response.addTrailers({ "grpc-status": String(status) });
    }
    response.end();
  };
}

async function metrics(mesh: Mesh, name: string): Promise<string> {
  const connection = mesh.rawTo(mesh.proxy(name).ports.metrics);
  connection.write("GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  return (await connection.untilOver()).text;
}

behaviour("answers of the proxy are statuses alone", import.meta.url, async (mesh) => {
  const known = await mesh.send("web", "http://nobody/shop.Known/Get", call());
  assert.equal(known.status, 200);
  assert.equal(known.headers["grpc-status"], "14");
  assert.equal(known.headers["content-type"], "application/grpc");
  assert.equal(known.headers["grpc-message"], "the cluster has no healthy endpoint");
  assert.equal(known.flag, "UH");
  assert.equal(known.body, "");
  const unknown = await mesh.send("web", "http://nobody/shop.Other/Get", call());
  assert.equal(unknown.headers["grpc-status"], "12");
  assert.match(String(unknown.headers["grpc-message"]), /^no GRPCRoute of default\/nobody/);
  const plain = await mesh.send("web", "http://nobody/shop.Other/Get", { method: "POST" });
  assert.equal(plain.status, 404);
});

behaviour("the caller's deadline ends a request, and says so", import.meta.url, async (mesh) => {
  for (const name of ["catalog-1", "catalog-2"]) mesh.program(name).onRequest = () => {};
  const startedAtMs = performance.now();
  const late = await mesh.send("web", `http://catalog${METHOD}`, call({ "grpc-timeout": "200m" }));
  assert.equal(late.headers["grpc-status"], "4");
  assert.equal(late.flag, "UT");
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs >= 190 && tookMs < 2_000, `${tookMs} ms`);
  const none = await mesh.send("web", `http://catalog${METHOD}`, call({ "grpc-timeout": "0n" }));
  assert.equal(none.headers["grpc-status"], "4");
});

behaviour(
  "a response that has begun ends with the deadline's status",
  import.meta.url,
  async (mesh) => {
    for (const name of ["catalog-1", "catalog-2"]) {
      mesh.program(name).onRequest = (_request, response) => {
        response.writeHead(200, { "content-type": TYPE, trailer: "grpc-status" });
        response.write("first");
      };
    }
    const connection = rawCall(mesh, "grpc-timeout: 300m\r\n");
    await connection.until(({ text }) => text.includes("first"));
    await connection.until(({ text }) => text.includes("grpc-status: 4\r\n"));
  },
);

behaviour("each hop is told what is left of a deadline", import.meta.url, async (mesh) => {
  const timeoutOf = async (headers: Record<string, string>): Promise<unknown> => {
    const answer = await mesh.send("web", `http://catalog${METHOD}`, call(headers));
    return answer.seen.headers["grpc-timeout"];
  };
  const shortened = String(await timeoutOf({ "grpc-timeout": "10S" }));
  const leftUs = /^(\d+)u$/.exec(shortened)?.[1];
  assert.ok(leftUs !== undefined, shortened);
  assert.ok(Number(leftUs) < 10_000_000 && Number(leftUs) > 5_000_000, shortened);
  assert.equal(await timeoutOf({}), undefined);
  assert.equal(await timeoutOf({ "grpc-timeout": "soon" }), "soon", "no timeout: not ours");
});

behaviour("the route's timeout holds where it is sooner", import.meta.url, async (mesh) => {
  await mesh.apply(`
kind: TrafficPolicy
metadata: { name: catalog }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  timeout: { request: 2s }
`);
  const answer = await mesh.send("web", `http://catalog${METHOD}`, call({ "grpc-timeout": "1H" }));
  assert.match(String(answer.seen.headers["grpc-timeout"]), /^1\d{6}u$/);
});

behaviour(
  "a status that may be retried is, where it stands alone",
  import.meta.url,
  async (mesh) => {
    answerWith(mesh, "catalog-1", 14, "head");
    answerWith(mesh, "catalog-2", 0, "trailers");
    for (let i = 0; i < 8; i++) {
      const answer = await mesh.send("web", `http://catalog${METHOD}`, call());
      assert.equal(answer.workload, "catalog-2");
    }
    answerWith(mesh, "catalog-1", 14, "trailers");
    const workloads = new Set<string>();
    for (let i = 0; i < 8; i++) {
      workloads.add((await mesh.send("web", `http://catalog${METHOD}`, call())).workload);
    }
    assert.deepEqual([...workloads].sort(), ["catalog-1", "catalog-2"], "its head had gone down");
  },
);

behaviour("an endpoint that keeps saying UNAVAILABLE sits out", import.meta.url, async (mesh) => {
  await mesh.apply(`
kind: TrafficPolicy
metadata: { name: catalog }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  loadBalancer: { algorithm: RoundRobin }
  outlierDetection: { consecutiveGatewayErrors: 5, maxEjectionPercent: 50 }
`);
  answerWith(mesh, "catalog-1", 14, "trailers");
  answerWith(mesh, "catalog-2", 5, "trailers");
  for (let i = 0; i < 40; i++) await mesh.send("web", `http://catalog${METHOD}`, call());
  await eventually(async () => {
    const { items } = (await mesh.proxy("web").ask("endpoints", {})) as {
      items: { ejected: boolean }[];
    };
    return items.some(({ ejected }) => ejected);
  });
  const answer = await mesh.send("web", `http://catalog${METHOD}`, call());
  assert.equal(answer.workload, "catalog-2");
});

behaviour("metrics tell the status", import.meta.url, async (mesh) => {
  answerWith(mesh, "catalog-1", 13, "trailers");
  answerWith(mesh, "catalog-2", 13, "head");
  await mesh.send("web", `http://catalog${METHOD}`, call());
  await mesh.send("web", `http://catalog${METHOD}`, call());
  const row = /^weft_grpc_requests_total\{[^}]*service="catalog"[^}]*code="13",flag=""\} \d/m;
  await eventually(async () => row.test(await metrics(mesh, "web")));
  const text = await metrics(mesh, "web");
  const samples = text.match(/^weft_requests_total\{.*$/gm) ?? [];
  assert.equal(new Set(samples.map((one) => one.replace(/\} .*/, "}"))).size, samples.length);
});
