// Shared connections and the workers that serve them (docs/decisions/0028): a peer opens at least
// as many as there are workers, and one that keeps its worker far above the mean is told to go, so
// that its successor lands elsewhere. A worker is known by the beginning of the request ids it
// makes.

import assert from "node:assert/strict";
import { constants } from "node:http2";
import { behaviour, eventually } from "./harness.ts";
import { Http2Client } from "./http2-client.ts";

const workerCount = 4;
const workerNameLength = 20;
const firstGoAway = 2 ** 31 - 1;
/** A judgement takes five seconds, and a new connection may land on the same worker again. */
const relievedWithinMs = 40_000;

behaviour(
  "one worker opens a connection for each worker of the peer, and no more",
  import.meta.url,
  async (mesh) => {
    assert.equal((await mesh.send("web", "http://app/")).status, 200);
    assert.equal(await mesh.openTo("app"), 1, "a lone request needs one");
    for (let round = 0; round < 6; round++) {
      const sent = Array.from({ length: 20 }, () => mesh.send("web", "http://app/"));
      for (const { status, flag } of await Promise.all(sent)) assert.equal(status, 200, flag);
    }
    assert.equal(await mesh.openTo("app"), workerCount);
  },
  { workers: { "app-1": workerCount } },
  [1],
);

/** A peer of the mesh that notices GOAWAY and opens another connection. */
class Peer {
  readonly client: Http2Client;
  isLeaving = false;
  worker = "";

  constructor(client: Http2Client, lastStreamIds: number[]) {
    this.client = client;
    client.session.on("goaway", (_code, lastStreamId) => {
      this.isLeaving = true;
      lastStreamIds.push(lastStreamId);
    });
  }

  async ask(): Promise<void> {
    const { status, body, resetCode } = await this.client.ask();
    // Asked between the library's answer to the first GOAWAY and its telling us: to be sent again.
    if (this.isLeaving && resetCode === constants.NGHTTP2_REFUSED_STREAM) return;
    assert.equal(status, 200, `reset with ${resetCode}`);
    const { headers } = JSON.parse(body) as { headers: Record<string, string> };
    this.worker = (headers["x-request-id"] ?? "").slice(0, workerNameLength);
  }
}

behaviour(
  "a connection that keeps one worker far above the mean is retired, and no request fails",
  import.meta.url,
  async (mesh) => {
    const own = await mesh.authority.issue("spiffe://weft.local/ns/default/sa/web");
    const tls = { key: own.keyPem, cert: own.chainPem, ca: own.rootsPem };
    const lastStreamIds: number[] = [];
    const peers: Peer[] = [];
    const open = async (): Promise<Peer> => {
      const options = { ...tls, checkServerIdentity: () => undefined };
      const peer = new Peer(
        new Http2Client(mesh.inbound("app-1"), options, "https"),
        lastStreamIds,
      );
      peers.push(peer);
      await peer.ask();
      return peer;
    };
    // Of one more than there are workers two share one.
    const first: Peer[] = [];
    while (first.length <= workerCount) first.push(await open());
    const busy = first.filter((one) => first.some((o) => o !== one && o.worker === one.worker));
    const pair = busy.filter(({ worker }) => worker === busy[0]?.worker).slice(0, 2);
    assert.equal(pair.length, 2);
    const shared = pair[0]?.worker;
    let isOver = false;
    const replaced = new Map<Peer, Promise<Peer>>();
    const loop = async (slot: number): Promise<void> => {
      while (!isOver) {
        const peer = pair[slot] as Peer;
        if (peer.isLeaving) {
          if (!replaced.has(peer)) replaced.set(peer, open());
          pair[slot] = (await replaced.get(peer)) as Peer;
        } else await peer.ask();
      }
    };
    const alongside = async (): Promise<void> => {
      while (!isOver) {
        const { status, flag } = await mesh.send("web", "http://app/");
        assert.equal(status, 200, flag);
      }
    };
    const running = Promise.all([...[0, 0, 0, 1, 1, 1].map(loop), alongside()]);
    const moved = (): boolean => new Set(pair.map(({ worker }) => worker)).size === 2;
    await Promise.race([running, eventually(moved, relievedWithinMs)]);
    isOver = true;
    await running;
    assert.ok(lastStreamIds.length > 0);
    assert.equal(lastStreamIds[0], firstGoAway, "it may finish what it asks meanwhile");
    assert.ok(
      pair.some(({ worker }) => worker === shared),
      "one at a time",
    );
    for (const { client } of peers) client.close();
  },
  {},
  [workerCount],
);
