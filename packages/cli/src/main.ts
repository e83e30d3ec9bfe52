// The process behind `weft`. Compiled code is kept between runs: a command starts in half the time,
// and with less memory, because the type stripper is not loaded again.

import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import path from "node:path";

const cacheHome = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
enableCompileCache(path.join(cacheHome, "weft/compile"));
const { runProcess } = await import("./process.ts");
await runProcess();
