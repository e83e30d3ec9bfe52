// The object API alone, as `weft up` composes it: REST over SQLite on a free port, in this process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { silentLogger, systemRuntime } from "@weft/runtime";
import { openHttp } from "../../packages/control/src/rest/http.ts";
import { createRest, type Rest } from "../../packages/control/src/rest/rest.ts";
import { openSqliteStore } from "../../packages/control/src/store/sqlite.ts";

export interface ApiServer {
  readonly url: string;
  readonly rest: Rest;
}

export async function openApiServer(context: TestContext): Promise<ApiServer> {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-api-"));
  const runtime = systemRuntime({ log: silentLogger });
  const store = await openSqliteStore({ runtime, file: path.join(dir, "store.db") });
  const rest = createRest({ runtime, store, version: "0.0.0" });
  await rest.prepare();
  const http = await openHttp({ runtime, rest, listen: "127.0.0.1:0" });
  context.after(async () => {
    rest.close();
    await http.close();
    await store.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  return { url: http.url, rest };
}
