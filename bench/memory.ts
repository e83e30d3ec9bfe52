// `node bench/memory.ts`: proportional memory (PSS) of an idle `weft run` without CMD, and of a
// control plane.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@weft/runtime";
import { answering, Crew } from "./peer.ts";

const root = path.resolve(import.meta.dirname, "..");
const bin = path.join(root, "node_modules/.bin/weft");
const settleMs = 10_000;

function pssMegabytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
}

const dir = mkdtempSync(path.join(tmpdir(), "weft-memory-"));
const crew = new Crew();
try {
  const [api, xds] = [await freePort(), await freePort()];
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? dir,
    WEFT_DATA_DIR: path.join(dir, "data"),
    WEFT_CONTROL: `127.0.0.1:${xds}`,
  };
  const up = ["up", "--listen", `127.0.0.1:${api}`, "--xds", `127.0.0.1:${xds}`];
  const control = crew.spawn(bin, up, environment);
  await answering(api, "/readyz");
  const idle: number[] = [];
  for (const name of ["a", "b", "c"]) {
    idle.push(crew.spawn(bin, ["run", "--service", name], environment));
    await delay(3_000);
  }
  await delay(settleMs);
  const figures = idle.map(pssMegabytes).sort((a, b) => a - b);
  console.log(
    `idle weft run without CMD, PSS of three: ${figures.map((mb) => mb.toFixed(1)).join(", ")} MB`,
  );
  console.log(`control plane, PSS: ${pssMegabytes(control).toFixed(1)} MB`);
} finally {
  await crew.stop();
  rmSync(dir, { recursive: true, force: true });
}
