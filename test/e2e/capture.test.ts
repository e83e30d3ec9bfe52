// Transparent capture on hosts of the test's own: a control plane, a program under `weft run
// --transparent`, one beside `weft sidecar --transparent`, and a bystander who must not notice.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  call,
  called,
  canCapture,
  Captured,
  captures,
  identityOf,
  neighbour,
  traces,
  type Who,
} from "../harness/captured.ts";
import { type Host, openHosts } from "../harness/namespaces.ts";
import { nodeBin, weftBin } from "../harness/mesh.ts";
import { eventually, run } from "../harness/processes.ts";

test("capture: two workloads and a bystander", { timeout: 180_000 }, async (context) => {
  if (!canCapture(context)) return;
  const [hub, a, b, c] = openHosts(context, 4) as [Host, Host, Host, Host];
  const mesh = await Captured.open(context, hub);

  // The bystander: no Weft on its host.
  const greet = { NAME: "bystander", PORT: "8080", PLAIN_PORT: "9000", GREET_PORT: "2525" };
  await c.start(nodeBin, [neighbour], greet).printed(/listens on 9000/);
  // A program of user 0 that stands beside a sidecar and does not know it.
  const webEnvironment = { NAME: "web", PORT: "8081", HOST: "127.0.0.1" };
  await b.start(nodeBin, [neighbour], webEnvironment).printed(/listens/);
  const early = b.start(nodeBin, ["-e", talk, c.v4, "2525"]);
  await early.printed(/heard 220 hello/);

  const exclusions = ["--exclude-outbound-ports=9000", `--exclude-outbound-ranges=${c.v6}/128`];
  const web = await mesh.sidecar(b, "web", ["--port", "8081", ...exclusions]);
  const catalog = await mesh.run(a, "catalog", ["--port", "8080"]);
  const catalogAt = `http://${a.v4}:8080`;
  const webAt = `http://${b.v4}:8081`;
  const webHere = "http://127.0.0.1:8081";

  await context.test("by name, over mutual TLS, in both directions and to itself", async () => {
    const toCatalog = await called(hub, webAt, "http://catalog/who");
    assert.deepEqual([toCatalog.name, toCatalog.identity], ["catalog", identityOf("web")]);
    const toWeb = await called(hub, catalogAt, "http://web.default.svc.cluster.local/who");
    assert.deepEqual([toWeb.name, toWeb.identity], ["web", identityOf("catalog")]);
    const toItself = await called(hub, catalogAt, "http://catalog.default/who");
    assert.deepEqual([toItself.name, toItself.identity], ["catalog", identityOf("catalog")]);
    // Programs see who called, not the proxy beside them.
    assert.deepEqual([toCatalog.remote, toWeb.remote], [b.v4, a.v4]);
  });

  await context.test(
    "UDP and TCP DNS, whichever server is asked; both families lead in",
    async () => {
      for (const transport of ["udp", "tcp"]) {
        const asked = await b.run(nodeBin, ["-e", askDns, transport, c.v4, "catalog.default.mesh"]);
        const { v4, v6 } = JSON.parse(asked.stdout) as { v4: string; v6: string };
        assert.match(v4, /^24\d\./, asked.stderr);
        assert.match(v6, /^2001:2::/);
        const served = await called(hub, webAt, `http://[${v6}]/who`);
        assert.deepEqual([served.name, served.identity], ["catalog", identityOf("web")]);
      }
      const unknown = await call(hub, webAt, "http://245.1.2.3/who");
      assert.equal(unknown.status, 0);
      assert.match(web.output(), /code=address-unknown/);
    },
  );

  await context.test("an endpoint by its address is reached over mutual TLS", async () => {
    const { identity, name } = await called(hub, webAt, `http://${a.v4}:8080/who`);
    assert.deepEqual([name, identity], ["catalog", identityOf("web")]);
    // The mesh knows no IPv6 address of it: captured at both ends, and without an identity.
    const overV6 = await called(hub, webAt, `http://[${a.v6}]:8080/who`);
    assert.deepEqual([overV6.name, overV6.isProxied, overV6.identity], ["catalog", true, ""]);
  });

  await context.test("a program's talk to its own host is left alone", async () => {
    const direct = await called(hub, catalogAt, "http://127.0.0.1:8080/who");
    assert.deepEqual([direct.name, direct.isProxied], ["catalog", false]);
    // Another program of that host is a stranger to it.
    const stranger = await a.get<Who>("http://127.0.0.1:8080/who");
    assert.deepEqual([stranger.isProxied, stranger.identity], [true, ""]);
  });

  await context.test("hosts outside the mesh, and what is excluded", async () => {
    const passed = await called(hub, webAt, `http://${c.v4}:8080/who`);
    assert.deepEqual([passed.name, passed.isProxied, passed.remote], ["bystander", true, b.v4]);
    const byPort = await called(hub, webAt, `http://${c.v4}:9000/who`);
    assert.deepEqual([byPort.name, byPort.isProxied], ["bystander", false]);
    const byRange = await called(hub, webAt, `http://[${c.v6}]:8080/who`);
    assert.deepEqual([byRange.name, byRange.isProxied], ["bystander", false]);
    const spoken = b.start(nodeBin, ["-e", talk, c.v4, "2525"]);
    await spoken.printed(/heard 220 hello/, 3000);
    await spoken.stop();
  });

  await context.test("bystanders: on a host of its own, and beside the program", async () => {
    const toCatalog = await c.get<Who>(`${catalogAt}/who`);
    const { identity, name, remote } = toCatalog;
    assert.deepEqual([name, identity, remote], ["catalog", "", c.v4]);
    const besides = await a.get<Who>(`http://${c.v4}:8080/who`);
    assert.deepEqual([besides.isProxied, besides.remote], [false, a.v4]);
    const ofProgram = await called(hub, catalogAt, `http://${c.v4}:8080/who`);
    assert.equal(ofProgram.isProxied, true);
    assert.deepEqual(await traces(c), []);
  });

  await context.test("who knows the sidecar's ports gets nothing from them", async () => {
    for (const port of [15001, 15006]) {
      await assert.rejects(c.get(`http://${a.v4}:${port}/who`), /exit (52|56)/);
    }
    await catalog.printed(/code=capture-bypassed/);
  });

  await context.test("RegistryOnly lets nothing out that the mesh does not know", async () => {
    await mesh.outbound("RegistryOnly");
    const status = ["-gsS", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}"];
    await eventually("HTTP is refused", async () => {
      const { stdout } = await b.run("curl", [...status, `http://${c.v4}:8080/who`]);
      return stdout === "502" || null;
    });
    const unheard = b.start(nodeBin, ["-e", talk, c.v4, "2525"]);
    await web.printed(/code=host-unknown .*destination=10\.77\.0\.4:2525/);
    await unheard.ended();
    assert.doesNotMatch(unheard.output(), /heard/);
    // What is excluded is no business of the mesh.
    assert.equal((await called(hub, webAt, `http://${c.v4}:9000/who`)).name, "bystander");
    await mesh.outbound("AllowAny");
    await called(hub, webAt, `http://${c.v4}:8080/who`);
  });

  await context.test("a second program of the host, known by a user of its own", async () => {
    const flags = ["--port", "8082", "--capture-uid", "61234"];
    const other = await mesh.run(a, "other", flags);
    const base = `http://${a.v4}:8082`;
    const { identity, uid } = await called(hub, base, "http://catalog/who");
    assert.deepEqual([identity, uid], [identityOf("other"), 0]);
    const itself = await called(hub, webAt, "http://other/who");
    assert.deepEqual([itself.uid, itself.identity], [61_234, identityOf("web")]);
    assert.equal((await traces(a)).length, 4);
    await other.stop();
    assert.equal((await traces(a)).length, 2);
  });

  await context.test(
    "connections from before stay, when capture begins and when it ends",
    async () => {
      const captured = b.start(nodeBin, ["-e", talk, c.v4, "2525"]);
      await captured.printed(/heard 220 hello/);
      const stopping = web.stop();
      // New ones go their own way while one that was captured is waited for.
      await eventually("nothing new is captured", async () => {
        const { body } = await call(b, webHere, `http://${c.v4}:8080/who`);
        return body.isProxied ? null : true;
      });
      captured.child.kill("SIGUSR2");
      await captured.printed(/heard still there/);
      await captured.stop();
      await stopping;
      assert.deepEqual(await traces(b), []);
      early.child.kill("SIGUSR2");
      await early.printed(/heard still there/);
    },
  );

  await context.test("a killed agent leaves nothing behind", async () => {
    const agent = await mesh.sidecar(b, "web", ["--port", "8081"]);
    assert.equal((await captures(b))[0]?.state, "running");
    agent.child.kill("SIGKILL");
    await eventually("the rules are gone", async () => (await traces(b)).length === 0 || null);
    const direct = await called(b, webHere, `http://${c.v4}:8080/who`);
    assert.equal(direct.isProxied, false);
  });

  await context.test("programs of one host that know each other by loopback alone", async () => {
    const flags = ["--address", "127.0.0.1"];
    await mesh.run(c, "left", ["--port", "8083", ...flags]);
    await mesh.run(c, "right", ["--port", "8084", ...flags, "--capture-uid", "61235"]);
    const [left, right] = ["http://127.0.0.1:8083", "http://127.0.0.1:8084"];
    assert.equal((await called(c, left, "http://right/who")).identity, identityOf("left"));
    assert.equal((await called(c, right, "http://left/who")).identity, identityOf("right"));
    // A connection to itself as a peer is told from one to the program, or it would go round.
    assert.equal((await called(c, left, "http://left/who")).identity, identityOf("left"));
  });

  await context.test("what is left when all was killed is found and removed", async () => {
    for (const remove of ["by command", "by the next agent"]) {
      const agent = await mesh.sidecar(b, "web", ["--port", "8081"]);
      const guards = childrenOf(agent.pid);
      assert.ok(guards.length > 0);
      for (const pid of [...guards, agent.pid]) process.kill(pid, "SIGKILL");
      await agent.ended();
      const [left] = await captures(b);
      assert.equal(left?.state, "gone");
      if (remove === "by command") {
        const said = await b.run(weftBin, ["check"]);
        const line = `capture ${left.table}: was left by agent ${agent.pid}, which is gone.`;
        assert.ok(said.stdout.includes(`warning ${line}`), said.stdout);
        const { stdout } = await b.run(weftBin, ["capture", "remove"]);
        assert.equal(stdout, `${left.table} removed\n`);
      } else {
        const next = await mesh.sidecar(b, "web", ["--port", "8081"]);
        assert.match(next.output(), /removed the capture of an agent that is gone/);
        await next.stop();
      }
      assert.deepEqual(await traces(b), []);
    }
  });
});

test("capture without the right is refused in one line, and check says how to get it", async (context) => {
  const without = ["--bounding-set=-net_admin", weftBin];
  if (!canCapture(context)) return;
  const args = ["run", "--transparent", "--service", "a", "--", "true"];
  const refused = await run("setpriv", [...without, ...args]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^weft: --transparent: .*CAP_NET_ADMIN.*\(capture-forbidden\)\n/);
  assert.match(refused.stderr, /cap-add NET_ADMIN/);
  const { stdout } = await run("setpriv", [...without, "check", "-o", "json"]);
  const { items } = JSON.parse(stdout) as { items: { name: string; message: string }[] };
  const rights = items.find(({ name }) => name === "capture (rights)");
  assert.match(rights?.message ?? "", /CAP_NET_ADMIN is missing. Run it as root/);
});

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text
    .split(" ")
    .map(Number)
    .filter((one) => one > 0);
}

/** Connects, prints what it hears, and says something at SIGUSR2. */
const talk = `
const [host, port] = process.argv.slice(1);
const socket = require("node:net").connect(Number(port), host);
socket.on("data", (bytes) => console.log("heard " + bytes.toString().trim()));
socket.on("error", (error) => console.log("failed " + error.code));
process.on("SIGUSR2", () => socket.write("still there\\n"));`;

/** Asks a name server for A and AAAA over one transport, and prints both. */
const askDns = `
const [transport, server, name] = process.argv.slice(1);
const question = (type) => {
  const labels = name.split(".").map((label) => String.fromCharCode(label.length) + label).join("");
  return Buffer.from("\\x00\\x07\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00" + labels + "\\0\\0" +
    String.fromCharCode(type) + "\\0\\x01", "latin1");
};
const ask = (query) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("no answer over " + transport)), 5000).unref();
  if (transport === "udp") {
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("message", (answer) => { socket.close(); resolve(answer); });
    socket.send(query, 53, server);
    return;
  }
  const socket = require("node:net").connect(53, server);
  socket.on("error", reject);
  socket.on("data", (bytes) => { socket.destroy(); resolve(bytes.subarray(2)); });
  socket.write(Buffer.concat([Buffer.from([0, query.length]), query]));
});
(async () => {
  const four = await ask(question(1));
  const six = await ask(question(28));
  // The address is the last thing in either answer; there is no OPT record unless one was sent.
  const words = Array.from({ length: 8 }, (_, i) => six.readUInt16BE(six.length - 16 + 2 * i));
  const text = words.map((word) => word.toString(16)).join(":");
  const { address } = new (require("node:net").SocketAddress)({ family: "ipv6", address: text });
  console.log(JSON.stringify({ v4: four.subarray(-4).join("."), v6: address }));
})();`;
