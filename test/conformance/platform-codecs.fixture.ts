// Two proxies of two workers each that have served HTTP/1.1, HTTP/2 and HTTP/2 over mutual TLS;
// ends when each worker has said since what it has loaded. Run by `platform-codecs.test.ts`.

import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { eventually, Mesh, parse } from "./harness.ts";
import { RawHttp2, requestFields } from "./http2-raw.ts";

const yaml = readFileSync(new URL("http2-requests.yaml", import.meta.url), "utf8");
const mesh = await Mesh.open(parse(yaml), 2, {});
const statuses = new Set<number>();
for (let i = 0; i < 8; i++) statuses.add((await mesh.send("web", "http://app/")).status);
for (let i = 0; i < 8; i++) {
  const client = new RawHttp2(mesh.proxy("web").ports.outbound);
  client.headers(1, requestFields("app"));
  await client.until((own) => own.hasAnswered(1));
  client.close();
}
const servedAtMs = Date.now();
const dir = process.env["WEFT_LOADED_MODULES"] ?? "";
await eventually(() => {
  const names = readdirSync(dir).filter((name) => !name.endsWith(".new"));
  const files = names.map((name) => statSync(path.join(dir, name)));
  return files.length === 4 && files.every(({ mtimeMs }) => mtimeMs > servedAtMs);
});
await mesh.close();
console.log(JSON.stringify([...statuses]));
