// Which Envoy is taken, with scripts that say they are one.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { findEnvoy } from "./binary.ts";

class Host {
  readonly dir: string;

  constructor(context: TestContext) {
    this.dir = mkdtempSync(path.join(tmpdir(), "weft-test-"));
    context.after(() => rmSync(this.dir, { recursive: true, force: true }));
  }

  script(name: string, body: string): string {
    const file = path.join(this.dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  envoy(name: string, version: string): string {
    return this.script(name, `echo "envoy  version: 9e55/${version}/Clean/RELEASE/BoringSSL"`);
  }

  get path(): string {
    return path.join(this.dir, "bin");
  }
}

test("the one that is named comes first, then PATH, then Python's package", async (context) => {
  const host = new Host(context);
  const flagged = host.envoy("flagged", "1.1.0");
  const variable = host.envoy("variable", "1.2.0");
  const packaged = host.envoy("package/envoy", "1.4.0");
  host.script("bin/python3", `echo ${packaged}`);
  const both = { PATH: host.path, WEFT_ENVOY: variable };
  const versionFor = async (file: string | null, environment: Record<string, string>) =>
    (await findEnvoy({ file, environment })).version;
  assert.equal(await versionFor(flagged, both), "1.1.0");
  assert.equal(await versionFor(null, both), "1.2.0");
  assert.equal(await versionFor(null, { PATH: host.path }), "1.4.0");
  const onPath = host.envoy("bin/envoy", "1.3.0");
  assert.deepEqual(await findEnvoy({ file: null, environment: { PATH: host.path } }), {
    file: onPath,
    version: "1.3.0",
  });
});

test("one that is named and is none is an error, whatever else there is", async (context) => {
  const host = new Host(context);
  host.envoy("bin/envoy", "1.3.0");
  const other = host.script("other", "echo hello");
  for (const file of [other, path.join(host.dir, "absent")]) {
    await assert.rejects(findEnvoy({ file, environment: { PATH: host.path } }), {
      code: "envoy-not-found",
      message: `--envoy-path: ${file} is no Envoy that runs here`,
    });
  }
  const environment = { PATH: host.path, WEFT_ENVOY: other };
  await assert.rejects(findEnvoy({ file: null, environment }), /WEFT_ENVOY: .*other is no Envoy/);
});

test("what is on PATH and does not run is passed over", async (context) => {
  const host = new Host(context);
  host.script("bin/envoy", "exit 1");
  await assert.rejects(findEnvoy({ file: null, environment: { PATH: host.path } }), {
    code: "envoy-not-found",
  });
  const packaged = host.envoy("package/envoy", "1.4.0");
  host.script("bin/python3", `echo ${packaged}`);
  const found = await findEnvoy({ file: null, environment: { PATH: host.path } });
  assert.equal(found.file, packaged);
});
