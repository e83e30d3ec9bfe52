// Where the Unix sockets between agent and Envoy stand: in the workload's folder, which is its
// owner's alone, or, where that path is longer than a socket's may be, in a folder made for them.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** `sun_path` of unix(7), less the final zero; macOS has 104. */
const lengthMax = 103;

export interface SocketPaths {
  readonly agent: string;
  readonly admin: string;
  remove(): void;
}

export function socketPaths(folder: string): SocketPaths {
  const own = pathsIn(folder);
  const fits = Object.values(own).every((file) => Buffer.byteLength(file) <= lengthMax);
  if (fits) return { ...own, remove: () => undefined };
  const made = mkdtempSync(path.join(tmpdir(), "weft-envoy-"));
  return { ...pathsIn(made), remove: () => rmSync(made, { recursive: true, force: true }) };
}

function pathsIn(folder: string): { agent: string; admin: string } {
  return { agent: path.join(folder, "agent.sock"), admin: path.join(folder, "admin.sock") };
}
