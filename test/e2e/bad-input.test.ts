// What goes wrong is told in one sentence that names the thing and the fix, with a stable code and
// the right exit.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { Mesh, weftBin } from "../harness/mesh.ts";
import { eventually, type Finished, run } from "../harness/processes.ts";

interface Told {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

function toldIn(finished: Finished): Told["error"] {
  const lines = finished.stderr.trim().split("\n");
  const last = lines.findLast((line) => line.startsWith("{")) ?? "";
  assert.notEqual(last, "", `no error object on standard error:\n${finished.stderr}`);
  return (JSON.parse(last) as Told).error;
}

test("usage errors exit 2", { timeout: 60_000 }, async () => {
  for (const args of [
    ["get", "services", "--nonsense"],
    ["nonsense"],
    ["get"],
    ["run", "--service", "Not_A_Name"],
    ["run", "--port", "8080"],
    ["run", "--service", "a", "--port", "99999"],
    ["run", "--service", "a", "--drain", "soon"],
    ["get", "nonsense"],
    ["delete", "service"],
  ]) {
    const finished = await run(weftBin, [...args, "-o", "json"]);
    assert.equal(finished.code, 2, `${args.join(" ")}: ${finished.stderr}`);
    const error = toldIn(finished);
    assert.equal(error.code, "usage", args.join(" "));
    assert.notEqual(error.message, "");
  }
  const plain = await run(weftBin, ["get", "services", "--nonsense"]);
  assert.equal(plain.code, 2);
  assert.match(plain.stderr, /unknown option '--nonsense'/);
});

test("an unreachable control plane is named, with the fix", { timeout: 60_000 }, async () => {
  const port = await freePort();
  const server = `http://127.0.0.1:${port}`;
  for (const args of [
    ["get", "services"],
    ["stat"],
    ["proxy", "list"],
    ["describe", "service", "x"],
  ]) {
    const finished = await run(weftBin, [...args, "--server", server, "-o", "json"]);
    assert.equal(finished.code, 1, args.join(" "));
    const error = toldIn(finished);
    assert.equal(error.code, "control-plane-unreachable");
    assert.match(error.message, new RegExp(String(port)));
    assert.match(error.hint, /weft up/);
  }
});

test("a workload without control plane and snapshot gives up after 10 s", {
  timeout: 60_000,
}, async (context) => {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-bad-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  const token = `weft1.id.secret.${"0".repeat(64)}`;
  writeFileSync(path.join(dir, "token"), token);
  const control = `127.0.0.1:${await freePort()}`;
  const begun = performance.now();
  const finished = await run(weftBin, [
    ...["run", "--service", "a", "--control", control, "--data-dir", dir],
    ...["--token-file", path.join(dir, "token"), "-o", "json", "--", "true"],
  ]);
  assert.equal(finished.code, 1, finished.stderr);
  assert.equal(toldIn(finished).code, "control-unreachable");
  assert.match(toldIn(finished).message, new RegExp(control.replaceAll(".", "\\.")));
  assert.ok(performance.now() - begun > 9_000);
});

test("a broken or missing token file is named", { timeout: 60_000 }, async (context) => {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-bad-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(path.join(dir, "token"), "hello");
  for (const [file, pattern] of [
    [path.join(dir, "token"), /holds no join token/],
    [path.join(dir, "none"), /ENOENT/],
  ] as const) {
    const finished = await run(weftBin, [
      ...[
        "run",
        "--service",
        "a",
        "--data-dir",
        dir,
        "--token-file",
        file,
        "-o",
        "json",
        "--",
        "true",
      ],
    ]);
    assert.equal(finished.code, 1);
    assert.equal(toldIn(finished).code, "token-unreadable");
    assert.match(toldIn(finished).message, pattern);
  }
});

test("weft up names a taken port and an unusable data directory", {
  timeout: 60_000,
}, async (context) => {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-bad-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  context.after(() => holder.close());
  const { port } = holder.address() as { port: number };
  const taken = await run(weftBin, [
    ...["up", "--data-dir", path.join(dir, "a"), "--listen", `127.0.0.1:${port}`, "-o", "json"],
    ...["--xds", `127.0.0.1:${await freePort()}`],
  ]);
  assert.equal(taken.code, 1, taken.stderr);
  assert.equal(toldIn(taken).code, "port-taken");
  assert.match(toldIn(taken).message, new RegExp(String(port)));
  assert.match(`${toldIn(taken).message} ${toldIn(taken).hint}`, /--listen/);

  const file = path.join(dir, "file");
  writeFileSync(file, "");
  const unusable = await run(weftBin, [
    ...["up", "--data-dir", file, "--listen", `127.0.0.1:${await freePort()}`, "-o", "json"],
    ...["--xds", `127.0.0.1:${await freePort()}`],
  ]);
  assert.equal(unusable.code, 1);
  assert.equal(toldIn(unusable).code, "data-directory-unusable");
  assert.match(toldIn(unusable).message, new RegExp(file));

  const beyond = await run(weftBin, [
    ...["up", "--data-dir", path.join(dir, "b"), "--listen", "0.0.0.0:0", "-o", "json"],
  ]);
  assert.equal(beyond.code, 2);
  assert.equal(toldIn(beyond).code, "listen-beyond-loopback");
});

/** Line ends and blanks in every text that a proxy would write (H33). */
const smugglingRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: smuggling }
spec:
  parentRefs: [{ group: "", kind: Service, name: near }]
  rules:
    - filters:
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set: [{ name: x-a, value: "1\\r\\nx-b: 2" }]
            add: [{ name: x-c, value: "1\\n2" }]
            remove: ["x-d: 1"]
        - type: URLRewrite
          urlRewrite:
            path: { type: ReplaceFullPath, replaceFullPath: "/a HTTP/1.1\\r\\nx-b: 2" }
`;

test("objects that cannot be are refused whole; those that dangle say so", {
  timeout: 120_000,
}, async (context) => {
  const mesh = await Mesh.open(context);

  const broken = await mesh.weftWith(
    "kind: Service\n  apiVersion: v1\n",
    "apply",
    "-f",
    "-",
    "-o",
    "json",
  );
  assert.equal(broken.code, 1);
  assert.equal(toldIn(broken).code, "yaml-broken");
  assert.match(toldIn(broken).message, /standard input:\d+:\d+/);

  const half = `apiVersion: v1
kind: Service
metadata: { name: good }
spec: { ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: Bad_Name }
spec: { ports: [{ port: 99999 }, { port: 80, name: "UPPER" }] }
`;
  const refused = await mesh.weftWith(half, "apply", "-f", "-", "-o", "json");
  assert.equal(refused.code, 1);
  assert.match(toldIn(refused).message, /metadata\.name/);
  assert.match(toldIn(refused).message, /spec\.ports\[0\]\.port/);
  const services = await mesh.json<{ items: { metadata: { name: string } }[] }>("get", "services");
  assert.deepEqual(
    services.items.map((item) => item.metadata.name).filter((name) => name === "good"),
    [],
    "nothing was half-written",
  );

  const smuggling = await mesh.weftWith(smugglingRoute, "apply", "-f", "-", "-o", "json");
  assert.equal(smuggling.code, 1);
  for (const field of ["set\\[0\\].value", "add\\[0\\].value", "remove\\[0\\]"]) {
    assert.match(toldIn(smuggling).message, new RegExp(`requestHeaderModifier.${field}`), "H33");
  }
  assert.match(toldIn(smuggling).message, /path\.replaceFullPath/, "H33");

  await mesh.apply(`apiVersion: v1
kind: Namespace
metadata: { name: other }
---
apiVersion: v1
kind: Service
metadata: { name: far, namespace: other }
spec: { ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: near }
spec: { ports: [{ port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: dangling }
spec:
  parentRefs: [{ group: "", kind: Service, name: near }]
  rules: [{ backendRefs: [{ name: nobody, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ungranted }
spec:
  parentRefs: [{ group: "", kind: Service, name: near }]
  rules:
    - matches: [{ path: { value: /far } }]
      backendRefs: [{ name: far, namespace: other, port: 80 }]
`);
  for (const [route, reason] of [
    ["dangling", "BackendNotFound"],
    ["ungranted", "RefNotPermitted"],
  ] as const) {
    await eventually(`${route} reports ${reason}`, async () => {
      const list = await mesh.json<{
        items: {
          status?: {
            parents?: { conditions: { type: string; status: string; reason: string }[] }[];
          };
        }[];
      }>("get", "httproute", route);
      const conditions = list.items[0]?.status?.parents?.[0]?.conditions ?? [];
      return conditions.some(
        (c) => c.type === "ResolvedRefs" && c.status === "False" && c.reason === reason,
      )
        ? true
        : null;
    });
  }

  const missing = await mesh.weft("run", "--service", "a", "-o", "json", "--", "/no/such/program");
  assert.equal(missing.code, 127, missing.stderr);
  assert.equal(toldIn(missing).code, "command-not-started");
  assert.match(toldIn(missing).message, /\/no\/such\/program/);

  const second = await run(
    weftBin,
    [
      "up",
      "--listen",
      `127.0.0.1:${await freePort()}`,
      "--xds",
      `127.0.0.1:${await freePort()}`,
      "-o",
      "json",
    ],
    { env: mesh.environment },
  );
  assert.equal(second.code, 1);
  assert.equal(toldIn(second).code, "data-directory-in-use");

  const wrong = path.join(mesh.dir, "wrong-token");
  const secret = await import("node:fs").then((fs) =>
    fs.readFileSync(path.join(mesh.environment["WEFT_DATA_DIR"] ?? "", "join-secret"), "utf8"),
  );
  const parts = secret.trim().split(".");
  writeFileSync(wrong, [parts[0], parts[1], "wrong", parts[3]].join("."));
  const denied = await mesh.weft(
    ...[
      "run",
      "--service",
      "thief",
      "--token-file",
      wrong,
      "--data-dir",
      path.join(mesh.dir, "elsewhere"),
    ],
    ...["-o", "json", "--", "true"],
  );
  assert.equal(denied.code, 1, denied.stderr);
  assert.equal(toldIn(denied).code, "control-refused");
});
