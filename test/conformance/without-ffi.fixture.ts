// A proxy whose only worker dies and comes back; run with FFI switched off by
// `without-ffi.test.ts`.

import { openProxy } from "@weft/proxy";
import { silentLogger, systemRuntime } from "@weft/runtime";
const free = { address: "127.0.0.1", preferredPort: 0 };
const proxy = await openProxy({
  runtime: systemRuntime({ log: silentLogger }),
  workload: { namespace: "default", workload: "w", service: "", version: "" },
  trustDomain: "weft.local",
  domain: "cluster.local",
  concurrency: 4,
  drainMs: 1000,
  addresses: {
    outbound: free,
    admin: free,
    metrics: free,
    readiness: free,
    inbound: [],
    upstreams: [],
  },
});
const ask = (): Promise<number> =>
  fetch(`http://127.0.0.1:${proxy.ports.outbound}/`).then(
    (answer) => answer.status,
    () => 0,
  );
const admin = `http://127.0.0.1:${proxy.ports.admin}`;
const before = await ask();
await fetch(`${admin}/workers/0/terminate`, { method: "POST" });
let after = 0;
for (let i = 0; i < 200 && after === 0; i++) {
  await new Promise((resolve) => setTimeout(resolve, 25));
  after = await ask();
}
const status = await fetch(`${admin}/status`);
const { workers } = (await status.json()) as { workers: unknown[] };
console.log(JSON.stringify({ before, after, workers: workers.length }));
await proxy.close();
