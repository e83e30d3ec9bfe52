// The agent's DNS in a whole mesh, asked by dig: names, families, transports, what follows changes,
// what outside names are forwarded to; and a plain program that connects where a name leads.

import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { bindUdp, freePort } from "@weft/runtime";
import packets from "dns-packet";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually, run } from "../harness/processes.ts";

const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];

/** A name server of the world outside, on loopback: example.com is 127.9.9.9. */
async function openWorld(context: TestContext): Promise<number> {
  const socket = await bindUdp({
    address: "127.0.0.1",
    port: 0,
    onError: () => {},
    onMessage(bytes, from) {
      const { id, questions = [] } = packets.decode(bytes);
      const name = questions[0]?.name ?? "";
      const isThere = name === "example.com" && questions[0]?.type === "A";
      const flags = packets.RECURSION_AVAILABLE | (name === "example.com" ? 0 : 3);
      const data = "127.9.9.9";
      const answers = isThere ? [{ type: "A" as const, name, ttl: 60, data }] : [];
      const answer = packets.encode({ type: "response", id: id ?? 0, flags, questions, answers });
      socket.send(answer, from);
    },
  });
  context.after(() => socket.close());
  return socket.port;
}

test("DNS of a sidecar", { timeout: 120_000 }, async (context) => {
  const dig = await run("dig", ["-v"], {}).catch(() => null);
  if (!hasPart(context, "dig", dig?.code === 0, "install bind9-dnsutils")) return;
  const mesh = await Mesh.open(context);
  const port = await freePort();
  await mesh.run({ service: "catalog", port, version: "v1", command: echo });
  const world = await openWorld(context);
  const client = await mesh.run({
    service: "web",
    port: null,
    flags: ["--dns-upstream", `127.0.0.1:${world}`],
  });
  await mesh.ready("catalog", 1);
  const dnsPort = await eventually("the status names the DNS port", async () => {
    type Listed = { metadata: { labels?: Record<string, string> }; status?: Status };
    type Status = { proxy?: { dnsPort?: number } };
    const list = await mesh.json<{ items: Listed[] }>("get", "workloads");
    const own = list.items.find(({ metadata }) => metadata.labels?.["weft.dev/service"] === "web");
    return own?.status?.proxy?.dnsPort ?? null;
  });
  const ask = async (...words: string[]): Promise<string> => {
    const { code, stdout } = await run("dig", ["@127.0.0.1", "-p", `${dnsPort}`, ...words], {});
    assert.equal(code, 0, stdout);
    return stdout;
  };
  const short = async (...words: string[]): Promise<string[]> =>
    (await ask("+short", ...words)).split("\n").filter((line) => line !== "");

  await context.test("every form of a name leads to one address, over UDP and TCP", async () => {
    const [address = ""] = await short("catalog");
    assert.match(address, /^127\.(12[89]|1[3-9]\d|2\d\d)\.\d+\.\d+$/);
    for (const name of [
      "catalog.default",
      "catalog.default.mesh",
      "CATALOG.default.svc.cluster.local",
    ]) {
      assert.deepEqual(await short(name, "A"), [address], name);
      assert.deepEqual(await short("+tcp", name, "A"), [address], `${name} over TCP`);
    }
    assert.match(await ask("catalog", "AAAA"), /status: NOERROR[^]*ANSWER: 0/);
    assert.deepEqual(await short("-x", address), ["catalog.default.svc.cluster.local."]);
    assert.match((await short("catalog", "TXT")).join(), /"service=catalog" "namespace=default"/);
    const ports = (await short("catalog.default.mesh", "SRV")).map((line) => line.split(" ")[2]);
    assert.deepEqual(new Set(ports), new Set(["80", `${port}`]));
    assert.match(await ask("+edns=1", "+noednsneg", "catalog"), /status: BADVERS/);
    assert.match(await ask("nothing.default.mesh"), /status: NXDOMAIN[^]*\bSOA\b/);
  });

  await context.test("a program that connects there is in the mesh", async () => {
    const [address = ""] = await short("catalog");
    const answer = await fetch(`http://${address}:${port}/hello`);
    assert.equal(answer.status, 200);
    const seen = (await answer.json()) as { headers: Record<string, string> };
    const by = "By=spiffe://weft.local/ns/default/sa/catalog";
    assert.ok(seen.headers["x-forwarded-client-cert"]?.includes(by), JSON.stringify(seen.headers));
    assert.match(seen.headers["x-forwarded-client-cert"] ?? "", /URI=[^;]*\/sa\/web/);
  });

  await context.test("answers follow what users write", async () => {
    assert.match(await ask("later.default.mesh"), /status: NXDOMAIN/);
    await mesh.apply(
      ["apiVersion: v1", "kind: Service", "metadata: { name: later }", "spec:"].join("\n") +
        "\n  clusterIP: None\n  selector: { weft.dev/service: catalog }\n" +
        "  ports: [{ name: http, port: 8080, targetPort: http }]\n",
    );
    const addresses = await eventually("the new name has its endpoints", async () => {
      const found = await short("later.default.mesh");
      return found.length > 0 ? found : null;
    });
    assert.deepEqual(addresses, ["127.0.0.1"], "headless: the endpoints' own addresses");
    const [record = ""] = await short("_http._tcp.later.default.mesh", "SRV");
    assert.match(record, /^0 1 8080 catalog-[a-z0-9]{5}\.later\.default\.svc\.cluster\.local\.$/);
    assert.equal((await mesh.weft("delete", "service", "later")).code, 0);
    await eventually("the name is gone", async () =>
      (await ask("later.default.mesh")).includes("status: NXDOMAIN") ? true : null,
    );
  });

  await context.test("names outside are asked of the host's name servers", async () => {
    assert.deepEqual(await short("example.com"), ["127.9.9.9"]);
    assert.match(await ask("example.net"), /status: NXDOMAIN/);
    const resolver = new Resolver({ timeout: 3000, tries: 1 });
    resolver.setServers([`127.0.0.1:${dnsPort}`]);
    assert.deepEqual(await resolver.resolve4("example.com"), ["127.9.9.9"]);
  });

  assert.equal(client.child.exitCode, null);
});
