// Tidy finds what it forbids: in a repository with one bad file.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const tidy = fileURLToPath(new URL("tidy.ts", import.meta.url));

test("the platform's HTTP and sockets are out of bounds but for their adapters", (context) => {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-tidy-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  execFileSync("git", ["init", "-q", dir]);
  const write = (file: string, text: string): void => {
    mkdirSync(path.join(dir, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(dir, file), `// Says what it is.\n\n${text}\n`);
  };
  const bad = ["node:http2", "node:http", "node:https", "node:net", "node:tls"];
  for (const name of bad) {
    const text = `import * as it from "${name}";\nexport const all: unknown = it;`;
    write(`packages/proxy/src/${name.slice(5)}.ts`, text);
    write(`packages/runtime/src/${name.slice(5)}.ts`, text);
  }
  write("packages/wire/src/named.ts", 'import type { Http2Session } from "node:http2";\n');
  write("packages/wire/src/hidden.ts", 'export { connect } from "node:http2";');
  write("packages/wire/src/late.ts", 'export const it = (): unknown => import("node:http2");');
  const { stderr } = spawnSync(process.execPath, [tidy], { cwd: dir, encoding: "utf8" });
  const found = [...stderr.matchAll(/^(\S+):\d+: "(node:\w+)" opens sockets/gm)];
  assert.deepEqual(
    found.map(([, file, name]) => `${file ?? ""} ${name ?? ""}`).sort(),
    [
      ...bad.map((name) => `packages/proxy/src/${name.slice(5)}.ts ${name}`),
      "packages/wire/src/hidden.ts node:http2",
      "packages/wire/src/late.ts node:http2",
    ].sort(),
  );
});
