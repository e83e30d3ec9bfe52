// The floor: a C program that copies bytes and parses nothing.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { answering, Crew, type Peer } from "../peer.ts";

const cache = path.resolve(import.meta.dirname, "../../.cache");
const binary = path.join(cache, "floor");

export const floor: Peer = {
  name: "floor",
  topologies: ["one-hop"],
  find() {
    mkdirSync(cache, { recursive: true });
    try {
      execFileSync("cc", ["-O2", "-o", binary, path.resolve(import.meta.dirname, "../floor.c")], {
        stdio: "ignore",
      });
    } catch {
      if (!existsSync(binary)) return { why: "no C compiler (cc)" };
    }
    return { version: "1" };
  },
  async start({ originPort }) {
    const crew = new Crew();
    const port = await freePort();
    const pid = crew.spawn(binary, [String(port), String(originPort)]);
    await answering(port, "/");
    return { port, pids: [pid], stop: () => crew.stop() };
  },
};
