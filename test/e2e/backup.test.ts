// `weft backup` and `weft up --restore`: store and CA at one revision, so that a restored control
// plane knows its objects, and the workloads of the old one know it.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { Mesh, nodeBin, root, weftBin } from "../harness/mesh.ts";
import { eventually, run, start } from "../harness/processes.ts";

const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];

test("a backup brings objects and the CA to another directory", {
  timeout: 180_000,
}, async (context) => {
  const mesh = await Mesh.open(context);
  const catalog = await mesh.run({ service: "catalog", port: await freePort(), command: echo });
  await mesh.ready("catalog", 1);
  const client = await mesh.run({
    service: "client",
    port: null,
    flags: ["--upstream", "catalog"],
  });
  await mesh.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept }\ndata: { a: b }\n");
  const { token } = await mesh.json<{ token: string }>("token", "create", "--create");

  const file = path.join(mesh.dir, "weft.backup");
  assert.match((await mesh.weft("backup", file)).stdout, /^wrote .*weft\.backup \(\d+ bytes\)/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(existsSync(`${file}.part`), false);
  const again = await mesh.json<{ file: string; bytes: number }>("backup", file);
  assert.equal(again.bytes, statSync(file).size);
  await mesh.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: later }\n");

  const unwritable = await mesh.weft("backup", path.join(mesh.dir, "no/such/folder"), "-o", "json");
  assert.equal(unwritable.code, 1);
  assert.match(unwritable.stderr, /file-unwritable/);

  mesh.control?.child.kill("SIGKILL");
  await mesh.control?.ended();
  const restored = path.join(mesh.dir, "restored");
  const environment = { ...mesh.environment, WEFT_DATA_DIR: restored };
  const flags = ["--listen", `127.0.0.1:${mesh.apiPort}`, "--xds", `127.0.0.1:${mesh.xdsPort}`];
  const up = start(context, weftBin, ["up", ...flags, "--restore", file], { env: environment });
  await up.printed(/^weft: API at/m);

  await context.test("objects are as they were, and later ones are not there", async () => {
    const names = (await mesh.weft("get", "configmaps", "-o", "name")).stdout;
    assert.equal(names, "configmap/kept\n");
  });

  await context.test("the old agents come back by themselves: the CA is the same", async () => {
    for (const workload of [catalog, client]) {
      await eventually("it registered again", () =>
        [...workload.output().matchAll(/info {2}registered/g)].length >= 2 ? true : null,
      );
    }
    const request = await mesh.json<{ status: number }>("request", "http://catalog/");
    assert.equal(request.status, 200);
  });

  await context.test("tokens work on, new certificates are signed", async () => {
    const tokenFile = path.join(mesh.dir, "token");
    writeFileSync(tokenFile, token);
    const elsewhere = { WEFT_DATA_DIR: path.join(mesh.dir, "far"), WEFT_TOKEN_FILE: tokenFile };
    const far = await run(weftBin, ["run", "--service", "far", "--", "true"], {
      env: { ...mesh.environment, ...elsewhere },
    });
    assert.equal(far.code, 0, far.stderr);
  });

  await context.test("nothing is restored over what is there, and nothing broken", async () => {
    await up.stop();
    const over = await run(weftBin, ["up", ...flags, "--restore", file, "-o", "json"], {
      env: environment,
    });
    assert.equal(over.code, 1);
    assert.match(over.stderr, /restore-not-empty/);
    const cut = path.join(mesh.dir, "cut.backup");
    writeFileSync(cut, readFileSync(file).subarray(0, 1_000));
    const fresh = path.join(mesh.dir, "fresh");
    const damaged = await run(weftBin, ["up", ...flags, "--restore", cut, "-o", "json"], {
      env: { ...environment, WEFT_DATA_DIR: fresh },
    });
    assert.equal(damaged.code, 1);
    assert.match(damaged.stderr, /backup-damaged/);
    const left = existsSync(fresh) ? readdirSync(fresh) : [];
    assert.deepEqual(
      left.filter((name) => name !== "control-plane.lock"),
      [],
      "nothing half-written",
    );
    const whole = start(context, weftBin, ["up", ...flags, "--restore", file], {
      env: { ...environment, WEFT_DATA_DIR: fresh },
    });
    await whole.printed(/^weft: API at/m);
  });
});
