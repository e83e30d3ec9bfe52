// Decision D8: `npm pack` of all packages, installed into an empty folder with Node 20 alone on
// PATH, gives a working `npx weft up --demo`.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { root } from "../harness/mesh.ts";
import { run, start } from "../harness/processes.ts";

/** The machine's own Node and npm, not the Node 26 that npm scripts put first. */
function systemPath(): string {
  const parts = (process.env["PATH"] ?? "").split(path.delimiter);
  return parts.filter((part) => !part.includes("node_modules")).join(path.delimiter);
}

/** A PATH with the machine's Node, npm and the shell's tools, and no other Node. */
function barePath(dir: string): { path: string; version: string } {
  const bin = path.join(dir, "bin");
  mkdirSync(bin);
  const which = (name: string): string =>
    execFileSync("sh", ["-c", `command -v ${name}`], { env: { PATH: systemPath() } })
      .toString()
      .trim();
  for (const name of ["node", "npm", "npx"]) symlinkSync(which(name), path.join(bin, name));
  const version = execFileSync(path.join(bin, "node"), ["--version"]).toString().trim();
  return { path: `${bin}:/usr/bin:/bin`, version };
}

test("the packed packages run the demo in an empty folder", {
  timeout: 280_000,
}, async (context) => {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-pack-"));
  context.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  const tarballs = path.join(dir, "tarballs");
  mkdirSync(tarballs);
  const packed = await run(
    "npm",
    ["pack", "--workspaces", "--silent", "--pack-destination", tarballs],
    {
      cwd: root,
      timeoutMs: 120_000,
    },
  );
  assert.equal(packed.code, 0, packed.stdout + packed.stderr);
  const files = readdirSync(tarballs).filter((name) => name.endsWith(".tgz"));
  assert.ok(files.length >= 10, files.join(" "));

  const bare = barePath(dir);
  const folder = path.join(dir, "empty");
  mkdirSync(folder);
  const environment = { PATH: bare.path, HOME: dir, WEFT_DATA_DIR: path.join(dir, "data") };
  const installed = await run(
    "npm",
    ["install", "--no-audit", "--no-fund", ...files.map((name) => path.join(tarballs, name))],
    { cwd: folder, env: withRegistry(environment), timeoutMs: 150_000 },
  );
  assert.equal(installed.code, 0, installed.stdout + installed.stderr);
  assert.ok(existsSync(path.join(folder, "node_modules/.bin/weft")));
  assert.equal(
    existsSync(path.join(folder, "node_modules/@weft/cli/src")),
    false,
    "only built code",
  );

  const [api, xds] = [await freePort(), await freePort()];
  const flags = ["--listen", `127.0.0.1:${api}`, "--xds", `127.0.0.1:${xds}`];
  const shop = start(context, "npx", ["weft", "up", "--demo", ...flags], {
    cwd: folder,
    env: environment,
    detached: true,
  });
  await shop.printed(/first request over mTLS after/, 60_000);
  // Ctrl-C goes to the whole group, npx and weft alike.
  process.kill(-shop.pid, "SIGINT");
  await shop.ended();
  context.diagnostic(`Node on PATH: ${bare.version}`);
});

/** The machine's npm settings (its registry), which live in the real home. */
function withRegistry(environment: Record<string, string>): Record<string, string> {
  const home = process.env["HOME"] ?? "";
  const npmrc = path.join(home, ".npmrc");
  const extra: Record<string, string> = {};
  if (existsSync(npmrc) && readFileSync(npmrc, "utf8") !== "")
    extra["npm_config_userconfig"] = npmrc;
  for (const [name, value] of Object.entries(process.env)) {
    if (
      /^(npm_config_|https?_proxy|HTTPS?_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT)/i.test(name) &&
      value !== undefined
    ) {
      if (!/npm_config_(prefix|global|local|workspace|user_agent|node_gyp)/i.test(name))
        extra[name] = value;
    }
  }
  return { ...environment, ...extra };
}
