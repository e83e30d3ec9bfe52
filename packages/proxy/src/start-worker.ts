// First file of a worker thread. Node's compile cache is a matter of each thread: it must be on
// before the rest is loaded, or a new worker would read, strip and compile every file again (150
// ms instead of 60).

import { enableCompileCache } from "node:module";
import { workerData } from "node:worker_threads";
import type { WorkerStart } from "./messages.ts";

const { compileCacheDir } = workerData as WorkerStart;
if (compileCacheDir !== null) enableCompileCache(compileCacheDir);
await import("./worker.ts");
