// Every command against a real mesh: what it prints for people and for programs, its exit code, and
// that it is quiet where no person looks.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { parse } from "yaml";
import { Mesh, nodeBin, root, weftBin } from "../harness/mesh.ts";
import { eventually, type Finished, run, start } from "../harness/processes.ts";

const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];

const route = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: default }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /items } }]
      backendRefs: [{ name: catalog, port: 80 }]
`;

const commandNames = [
  ...["up", "run", "sidecar", "apply", "get", "describe", "diff", "delete", "request", "stat"],
  ...[
    "proxy",
    "check",
    "capture",
    "cert",
    "token",
    "backup",
    "kubeconfig",
    "completion",
    "down",
    "version",
  ],
];

function ok(finished: Finished): string {
  assert.equal(finished.code, 0, `${finished.stdout}${finished.stderr}`);
  return finished.stdout;
}

/** No colour, no cursor movement, no redrawn line. */
function isPlain(text: string): boolean {
  return !text.includes("\u001b") && !text.includes("\r");
}

test("version and completion", { timeout: 120_000 }, async (context) => {
  await context.test("version", async () => {
    assert.match(ok(await run(weftBin, ["version"])), /^weft \d+\.\d+\.\d+ \(Node \d+/);
    const { node, weft } = JSON.parse(ok(await run(weftBin, ["version", "-o", "json"]))) as {
      node: string;
      weft: string;
    };
    assert.equal(node, process.versions.node);
    assert.match(weft, /^\d+\.\d+\.\d+$/);
  });

  await context.test("bash completes commands, flags, kinds and values", async () => {
    const script = ok(await run(weftBin, ["completion", "bash"]));
    const asked: readonly (readonly [string, string])[] = [
      ["weft tok", "token"],
      ["weft token ", "create list revoke --help -h"],
      ["weft token create --serv", "--service-account --server"],
      ["weft get workl", "workloads"],
      ["weft get -o ", "table wide json yaml name"],
      ["weft apply -f ", ""],
      ["weft run --service a -- we", ""],
      ["weft proxy endp", "endpoints"],
      ["weft proxy endpoints -o j", "json"],
    ];
    const lines = asked.map(([typed]) => {
      const words = typed.split(" ").map((word) => `"${word}"`);
      return `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _weft; echo "\${COMPREPLY[*]}"`;
    });
    const shell = spawnSync("bash", ["--norc", "-c", `${script}\n${lines.join("\n")}`], {
      encoding: "utf8",
    });
    assert.equal(shell.stderr, "");
    const answers = shell.stdout.split("\n");
    for (const [index, [typed, wanted]] of asked.entries()) {
      assert.equal(answers[index], wanted, typed);
    }
    for (const other of ["zsh", "fish"]) {
      const text = ok(await run(weftBin, ["completion", other]));
      for (const name of commandNames) assert.ok(text.includes(name), `${other}: ${name}`);
    }
    const json = JSON.parse(ok(await run(weftBin, ["completion", "bash", "-o", "json"]))) as {
      script: string;
    };
    assert.equal(json.script, script);
  });
});

test("commands against a mesh", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  const port = await freePort();
  await mesh.run({ service: "catalog", port, version: "v1", command: echo });
  await mesh.run({ service: "client", port: null });
  await mesh.ready("catalog", 1);
  const file = path.join(mesh.dir, "route.yaml");
  writeFileSync(file, route);

  await context.test("diff, apply, get, describe, delete", async () => {
    const name = "httproute.gateway.networking.k8s.io/catalog";
    const before = await mesh.weft("diff", "-f", file);
    assert.equal(before.code, 1, "something would change");
    assert.match(before.stdout, /^\+kind: HTTPRoute$/m);
    assert.ok(isPlain(before.stdout));
    const dry = await mesh.weft("apply", "-f", file, "--dry-run");
    assert.equal(ok(dry), `${name} created (dry run)\n`);
    assert.equal((await mesh.weft("get", "httproute", "catalog")).code, 1, "nothing was written");
    assert.equal(ok(await mesh.weft("apply", "-f", file)), `${name} created\n`);
    assert.equal(ok(await mesh.weft("apply", "-f", file)), `${name} unchanged\n`);
    assert.equal(ok(await mesh.weft("diff", "-f", file)), "");
    const changed = route.replace("/items", "/things");
    const dir = path.join(mesh.dir, "folder");
    mkdirSync(dir);
    writeFileSync(path.join(dir, "a.yaml"), changed);
    writeFileSync(path.join(dir, "b.txt"), "not one of ours");
    const applied = await mesh.json<{ kind: string; items: { kind: string }[] }>(
      ...["apply", "-f", dir],
    );
    assert.deepEqual(
      [applied.kind, applied.items.map(({ kind }) => kind)],
      ["List", ["HTTPRoute"]],
    );
    const difference = await mesh.weft("diff", "-f", file, "-o", "json");
    assert.equal(difference.code, 1);
    const { items } = JSON.parse(difference.stdout) as {
      items: { object: string; diff: string }[];
    };
    assert.equal(items[0]?.object, name);
    assert.match(items[0]?.diff ?? "", /-.*\/things\n\+.*\/items/);

    assert.match(ok(await mesh.weft("get", "httproutes")), /^NAME +HOSTNAMES? +AGE.*\ncatalog /);
    assert.equal(ok(await mesh.weft("get", "httproutes", "-o", "name")), `${name}\n`);
    const text = ok(await mesh.weft("get", "httproute", "catalog", "-o", "yaml"));
    const yaml = parse(text) as { kind: string; items: { metadata: Record<string, unknown> }[] };
    assert.equal(yaml.kind, "List");
    assert.equal(yaml.items[0]?.metadata["name"], "catalog");
    assert.equal("managedFields" in (yaml.items[0]?.metadata ?? {}), false);
    assert.match(text, /creationTimestamp: "\d{4}-/, "a text for every reader of YAML");
    const described = ok(await mesh.weft("describe", "httproute", "catalog"));
    assert.match(described, /^kind: HTTPRoute\n/);
    assert.match(described, /^events:/m);
    assert.equal(ok(await mesh.weft("delete", "httproute/catalog")), `${name} deleted\n`);
    const gone = await mesh.weft("delete", "-f", file, "-o", "json");
    assert.equal(gone.code, 1);
    assert.equal((JSON.parse(gone.stderr) as { error: { code: string } }).error.code, "NotFound");
    assert.equal(ok(await mesh.weft("delete", "-f", file, "--ignore-not-found")), "");
  });

  await context.test("get: kinds, selectors, watch", async (inner) => {
    const workloads = ok(await mesh.weft("get", "workloads"));
    assert.match(workloads, /^NAME +READY /);
    assert.match(workloads, /^catalog-[a-z]{5} +True /m);
    const wide = ok(await mesh.weft("get", "workloads", "-o", "wide"));
    assert.ok((wide.split("\n")[0] ?? "").length > (workloads.split("\n")[0] ?? "").length);
    const everywhere = ok(await mesh.weft("get", "svc,workloads", "-A"));
    assert.match(everywhere, /^NAMESPACE +NAME /);
    assert.match(everywhere, /service\/catalog/);
    assert.match(ok(await mesh.weft("get", "all")), /workload\.weft\.dev\/catalog-/);
    const selected = await mesh.json<{ kind: string; items: { spec: { ports: object[] } }[] }>(
      ...["get", "workloads", "-l", "weft.dev/service=catalog,version=v1"],
    );
    assert.deepEqual([selected.kind, selected.items.length], ["List", 1]);
    const none = await mesh.weft("get", "workloads", "-l", "version=v9");
    assert.deepEqual([ok(none), none.stderr], ["", "No objects found in namespace default.\n"]);
    const watch = start(inner, weftBin, ["get", "configmaps", "-w"], { env: mesh.environment });
    await watch.printed(/No objects found/);
    await mesh.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: seen }\n");
    await watch.printed(/^seen /m);
    ok(await mesh.weft("delete", "configmap", "seen"));
    await watch.printed(/^deleted +seen /m);
  });

  await context.test(
    "describe service: values in force, where from, and its workloads",
    async () => {
      await mesh.apply(`apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: slow }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  timeout: { request: 7s }
`);
      const text = await eventually("the policy is in force", async () => {
        const described = ok(await mesh.weft("describe", "service", "catalog"));
        return /timeout\.request +7s +TrafficPolicy default\/slow/.test(described)
          ? described
          : null;
      });
      assert.match(text, /loadBalancer\.algorithm +\w+ +default/);
      assert.match(text, /^workloads:\n +NAME +READY .*\n +catalog-[a-z]{5} +True +v1 /m);
      const json = await mesh.json<{
        object: { kind: string };
        effective: { values: { name: string; value: unknown }[] };
        workloads: object[];
      }>("describe", "service", "catalog");
      assert.equal(json.object.kind, "Service");
      assert.equal(json.workloads.length, 1);
      ok(await mesh.weft("delete", "trafficpolicy", "slow"));
    },
  );

  await context.test("request: as whom, with what, and when it fails", async () => {
    interface Sent {
      status: number;
      headers: Record<string, string>;
      body: string;
      requestId: string;
      attempts: { endpoint: string; status: number; durationMs: number }[];
      explanation: { route: string; cluster: string; policies: object[]; configVersion: string };
    }
    const sent = await mesh.json<Sent>(
      ...["request", "POST", "http://catalog/items?x=1", "-d", "hello", "-H", "x-a: b", "-H"],
      ...["x-a: c", "--as", "client"],
    );
    const seen = JSON.parse(sent.body) as { headers: Record<string, string>; body: string };
    assert.equal(sent.status, 200);
    assert.equal(seen.body, "hello");
    assert.equal(seen.headers["x-a"], "b, c");
    assert.match(seen.headers["x-forwarded-client-cert"] ?? "", /URI=[^;]*\/sa\/client$/);
    assert.equal(sent.headers["x-request-id"], sent.requestId);
    assert.equal(sent.attempts.length, 1);
    assert.deepEqual(Object.keys(sent.attempts[0] ?? {}), ["endpoint", "status", "durationMs"]);
    assert.deepEqual(Object.keys(sent.explanation), [
      "route",
      "cluster",
      "policies",
      "configVersion",
    ]);
    assert.notEqual(sent.explanation.configVersion, "");

    const plain = await mesh.weft("request", "catalog");
    assert.match(ok(plain), /^200 OK\n/);
    assert.match(plain.stdout, /sa\/weft-request/);
    assert.match(plain.stderr, /^cluster +catalog\.default\.svc\.cluster\.local:80$/m);
    assert.ok(isPlain(plain.stdout + plain.stderr));

    const port81 = await mesh.weft("request", "http://catalog:81/");
    assert.match(ok(port81), /^404 /);
    assert.match(port81.stderr, /^flag +NP/m);
    assert.equal((await mesh.weft("request", "http://catalog:81/", "--fail")).code, 1);
    assert.equal((await mesh.weft("request", "https://catalog/")).code, 2);
    assert.equal((await mesh.weft("request", "http://catalog/", "-H", "nonsense")).code, 2);
    const { items } = await mesh.json<{ items: object[] }>("get", "workloads");
    assert.equal(items.length, 2, "it left no workload behind");
    const accounts = ok(await mesh.weft("get", "serviceaccounts", "-o", "name"));
    assert.match(accounts, /serviceaccount\/weft-request/);
    assert.doesNotMatch(ok(await mesh.weft("get", "services", "-o", "name")), /weft-request/);
  });

  await context.test("stat: inbound and outbound, with the fixed fields only", async () => {
    const fields = ["namespace", "service", "requestsPerSecond", "successRate", "latencyMs"];
    for (const flags of [[], ["--outbound"], ["-A"]]) {
      const row = await eventually(`stat ${flags.join(" ")} has catalog`, async () => {
        const stat = await mesh.json<{ items: { service: string; successRate: unknown }[] }>(
          ...["stat", ...flags],
        );
        return (
          stat.items.find(
            ({ service, successRate }) => service === "catalog" && successRate !== null,
          ) ?? null
        );
      });
      assert.deepEqual(Object.keys(row), [...fields, "mtlsShare"]);
      assert.equal(row.successRate, 1);
    }
    assert.match(
      ok(await mesh.weft("stat", "-A")),
      /^NAMESPACE +SERVICE +RPS .*\ndefault +catalog /,
    );
  });

  await context.test("proxy: what is connected and what it runs", async () => {
    assert.match(ok(await mesh.weft("proxy")), /^PROXY +KIND .*\ndefault\/catalog-/);
    for (const topic of ["endpoints", "routes", "listeners", "clusters"]) {
      const text = ok(await mesh.weft("proxy", topic, "client"));
      assert.match(text, /^PROXY +[A-Z]/);
      assert.ok(Math.max(...text.split("\n").map(({ length }) => length)) < 250, topic);
      const { items } = await mesh.json<{ items: { proxy: string }[] }>("proxy", topic, "client");
      assert.ok(items.every(({ proxy }) => proxy.startsWith("default/client-")));
    }
    const { items } = await mesh.json<{ items: Record<string, unknown>[] }>("proxy", "endpoints");
    const fields = ["proxy", "cluster", "address", "health", "weight", "ejected", "reason"];
    for (const field of fields) assert.ok(field in (items[0] ?? {}), field);
    const config = await mesh.json<{ items: { listeners: object[] }[] }>(
      "proxy",
      "config",
      "client",
    );
    assert.equal(config.items[0]?.listeners.length, 1);
    assert.match(ok(await mesh.weft("proxy", "log", "client")), /info {2}registered workload=/);
    const listeners = await mesh.json<{ items: { name: string; port: number }[] }>(
      ...["proxy", "listeners", "client"],
    );
    const workload = await mesh.json<{ items: { status: { proxy: { outboundPort: number } } }[] }>(
      ...["get", "workloads", "-l", "weft.dev/service=client"],
    );
    assert.equal(listeners.items[0]?.port, workload.items[0]?.status.proxy.outboundPort);
    const unknown = await mesh.weft("proxy", "endpoints", "nobody", "-o", "json");
    assert.equal(unknown.code, 1);
    const { error } = JSON.parse(unknown.stderr) as { error: { code: string } };
    assert.equal(error.code, "workload-not-connected");
  });

  await context.test("cert, check, kubeconfig", async () => {
    const { items } = await mesh.json<{
      items: { workload: string; spiffeId: string; notBefore: string; notAfter: string }[];
    }>("cert", "catalog");
    assert.equal(items.length, 1);
    assert.match(items[0]?.spiffeId ?? "", /\/ns\/default\/sa\/catalog$/);
    const hours = (Date.parse(items[0]?.notAfter ?? "") - Date.now()) / 3_600_000;
    assert.ok(hours > 23 && hours < 24.1, `ends in ${hours} h`);
    assert.match(
      ok(await mesh.weft("cert")),
      /^WORKLOAD +IDENTITY +SERIAL +AGE +ENDS IN\n.* 2[34]h$/m,
    );

    assert.match(ok(await mesh.weft("check")), /^ok +control plane: ready at http/);
    const check = await mesh.json<{ items: { name: string; status: string }[] }>("check");
    assert.ok(check.items.every(({ status }) => status !== "failed"));
    assert.ok(check.items.some(({ name }) => name === "host boundary"));
    const away = await mesh.weft("check", "--server", `http://127.0.0.1:${await freePort()}`);
    assert.equal(away.code, 1);
    assert.match(away.stdout, /^failed +control plane: no control plane answers/);

    const config = parse(ok(await mesh.weft("kubeconfig"))) as {
      clusters: { cluster: { server: string } }[];
    };
    assert.equal(config.clusters[0]?.cluster.server, mesh.server);
  });

  await context.test("no colour where no person looks, even when asked by CI", async () => {
    const environment = { ...mesh.environment, CI: "true" };
    for (const args of [["check"], ["request", "catalog"], ["get", "all"], ["proxy"]]) {
      const { stderr, stdout } = await run(weftBin, args, { env: environment });
      assert.ok(isPlain(stdout + stderr), args.join(" "));
    }
  });

  await context.test("token: create, list, use from another host's directory, revoke", async () => {
    const made = await mesh.json<{ token: string; id: string }>(
      ...["token", "create", "--namespace", "default", "--service-account", "far", "--ttl", "1h"],
      "--create",
    );
    assert.match(made.token, /^weft1\.[^.]+\.[^.]+\.[0-9a-f]{64}$/);
    const list = ok(await mesh.weft("token", "list"));
    assert.match(list, new RegExp(`^${made.id} +default +far +yes +20`, "m"));
    assert.ok(!list.includes(made.token.split(".")[2] ?? ""), "never the secret");
    const tokenFile = path.join(mesh.dir, "token");
    writeFileSync(tokenFile, `${made.token}\n`);
    const elsewhere = {
      ...mesh.environment,
      WEFT_DATA_DIR: path.join(mesh.dir, "elsewhere"),
      WEFT_TOKEN_FILE: tokenFile,
    };
    const script = `const a = await fetch("http://catalog/"); console.log("FAR", a.status);`;
    const command = [nodeBin, "--input-type=module", "-e", script];
    const far = await run(weftBin, ["run", "--service", "far", "--", ...command], {
      env: elsewhere,
    });
    assert.match(ok(far), /FAR 200/);
    const other = await run(weftBin, ["run", "--service", "near", "-o", "json", "--", "true"], {
      env: elsewhere,
    });
    assert.equal(other.code, 1, "the token is for another account");
    assert.match(other.stderr, /token-not-allowed/);
    assert.equal(ok(await mesh.weft("token", "revoke", made.id)), `token ${made.id} revoked\n`);
    const late = {
      ...elsewhere,
      WEFT_DATA_DIR: path.join(mesh.dir, "third"),
    };
    const revoked = await run(weftBin, ["run", "--service", "far", "-o", "json", "--", "true"], {
      env: late,
    });
    assert.equal(revoked.code, 1);
    assert.match(revoked.stderr, /token-invalid/);
    const again = await mesh.weft("token", "revoke", made.id, "-o", "json");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /token-unknown/);
    const noSecret = await run(weftBin, ["token", "list", "-o", "json"], { env: elsewhere });
    assert.equal(noSecret.code, 1);
    assert.match(noSecret.stderr, /local-secret-missing/);
  });

  await context.test("sidecar: a proxy for a program that others start", async (inner) => {
    const own = await freePort();
    start(inner, echo[0] ?? "", echo.slice(1), {
      env: { ...mesh.environment, PORT: String(own), APP_VERSION: "beside" },
    });
    const sidecar = start(
      inner,
      weftBin,
      ["sidecar", "--service", "beside", "--port", String(own), "--drain", "1s"],
      { env: mesh.environment },
    );
    await sidecar.printed(/the program is ready/);
    const sent = await mesh.json<{ status: number; headers: Record<string, string> }>(
      ...["request", "http://beside/"],
    );
    assert.deepEqual([sent.status, sent.headers["x-version"]], [200, "beside"]);
    await sidecar.stop();
    assert.equal(sidecar.child.exitCode, 0, sidecar.output());
  });

  await context.test("down stops the control plane, once", async () => {
    assert.equal(ok(await mesh.weft("down")), "stopped\n");
    assert.deepEqual(await mesh.control?.ended(), { code: 0, signal: null });
    const again = await mesh.weft("down", "-o", "json");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /control-plane-not-running/);
  });
});
