// Loaded into every thread by `--import`: each worker says in a file, again and again, what parts
// of Node it has loaded. (A message would make it load more.)

import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isMainThread, threadId } from "node:worker_threads";

const dir = process.env["WEFT_LOADED_MODULES"];

function say(file: string): void {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
  writeFileSync(`${file}.new`, JSON.stringify([...moduleLoadList]));
  renameSync(`${file}.new`, file);
}

if (!isMainThread && dir !== undefined) {
  const file = path.join(dir, String(threadId));
  setInterval(() => say(file), 50).unref();
}
