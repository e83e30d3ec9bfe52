// What the flags beside --transparent choose: REDIRECT inbound, ports and ranges that are left
// alone in either direction, and whom a program sees as its caller; each over IPv4 and IPv6.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  call,
  called,
  canCapture,
  Captured,
  identityOf,
  neighbour,
  traces,
  type Who,
} from "../harness/captured.ts";
import { nodeBin, weftBin } from "../harness/mesh.ts";
import { type Host, openHosts } from "../harness/namespaces.ts";
import type { Started } from "../harness/processes.ts";

/** `weft run --transparent` of a program that listens at the address given. */
async function run(
  mesh: Captured,
  host: Host,
  service: string,
  programAddress: string,
  flags: readonly string[],
): Promise<Started> {
  const args = ["run", "--transparent", "--service", service, ...flags];
  const command = ["sh", "-c", `HOST=${programAddress} exec "$0" "$1"`, nodeBin, neighbour];
  const environment = { ...mesh.environment(service), NAME: service };
  const started = host.start(weftBin, [...args, "--", ...command], environment);
  await started.printed(/the program is ready/);
  return started;
}

test("what capture leaves alone, and how", { timeout: 120_000 }, async (context) => {
  if (!canCapture(context)) return;
  const [hub, a, c] = openHosts(context, 3) as [Host, Host, Host];
  const mesh = await Captured.open(context, hub);
  const bystander = { NAME: "bystander", PORT: "8080", PLAIN_PORT: "9000" };
  for (const host of [hub, c]) {
    await host.start(nodeBin, [neighbour], bystander).printed(/listens on 9000/);
  }
  const at = (host: Host, port: number): string[] => [
    `http://${host.v4}:${port}`,
    `http://[${host.v6}]:${port}`,
  ];

  const plainFlags = ["--port", "8090", "--capture-inbound=redirect"];
  const outFlags = ["--exclude-outbound-ports=9000,9001"];
  outFlags.push(`--exclude-outbound-ranges=${hub.v4}/32,${c.v6}/128`);
  await run(mesh, a, "plain", "127.0.0.1", [...plainFlags, ...outFlags]);
  const [plainAt = ""] = at(a, 8090);

  await context.test(
    "inbound by REDIRECT: the sidecar is who calls, and there are no routes",
    async () => {
      for (const base of at(a, 8090)) {
        const { identity, isProxied, remote } = await c.get<Who>(`${base}/who`);
        assert.deepEqual([isProxied, remote, identity], [true, "127.0.0.1", ""], base);
      }
      const [table = "", ...routes] = await traces(a);
      assert.match(table, /^table inet weft_plain_/);
      assert.deepEqual(routes, []);
    },
  );

  await context.test("outbound ports are left alone over both families", async () => {
    for (const base of [...at(c, 9000), ...at(hub, 9000)]) {
      const { isProxied, remote } = await called(hub, plainAt, `${base}/who`);
      assert.deepEqual([isProxied, [a.v4, a.v6].includes(remote)], [false, true], base);
    }
  });

  await context.test("so are ranges, and what is beside them is captured", async () => {
    const found: boolean[] = [];
    for (const base of [...at(hub, 8080), ...at(c, 8080)]) {
      found.push((await called(hub, plainAt, `${base}/who`)).isProxied);
    }
    assert.deepEqual(found, [false, true, true, false]);
  });

  await context.test("an inbound port that is left alone is reached in plaintext", async () => {
    const flags = ["--port", "8091", "--exclude-inbound-ports=8091"];
    await run(mesh, a, "open", "::", flags);
    for (const base of at(a, 8091)) {
      const { isProxied, remote } = await c.get<Who>(`${base}/who`);
      assert.deepEqual([isProxied, [c.v4, c.v6].includes(remote)], [false, true], base);
    }
    // Of the mesh all the same: its sidecar carries what it calls, and not what it is sent.
    const peer = await called(hub, plainAt, "http://open/who");
    assert.deepEqual([peer.name, peer.identity, peer.remote], ["open", "", a.v4]);
    const out = await called(hub, `http://${a.v4}:8091`, "http://plain/who");
    assert.deepEqual([out.name, out.identity], ["plain", identityOf("open")]);
  });

  await context.test("a program on ::1 sees who called over IPv6", async () => {
    const other = await run(mesh, c, "six", "::1", ["--port", "8092", "--app-address", "::1"]);
    const [overV4 = "", overV6 = ""] = at(c, 8092);
    const seen = await a.get<Who>(`${overV6}/who`);
    assert.deepEqual([seen.isProxied, seen.remote], [true, a.v6]);
    // An IPv6 socket has no IPv4 peer but a mapped one: the sidecar is who calls.
    assert.equal((await hub.get<Who>(`${overV4}/who`)).remote, "::1");
    assert.equal((await call(hub, plainAt, "http://six/who")).body.identity, identityOf("plain"));
    assert.ok((await traces(c)).some((line) => line.includes("from ::1 ipproto tcp sport 8092")));
    await other.stop();
    assert.deepEqual(await traces(c), []);
  });
});
