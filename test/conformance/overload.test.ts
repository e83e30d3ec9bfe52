// What HTTP/2 connections see of a proxy that is short of memory (docs/decisions/0045): GOAWAY in
// two phases for those that are open, 503 with the flag OM for requests that come all the same.
// test/e2e/overload.test.ts has the whole of it, with memory that requests take up.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { residentBytes } from "@weft/runtime";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import { FrameFlag, FrameType, RawHttp2, requestFields } from "./http2-raw.ts";

const memoryLimitBytes = 640 * 1024 * 1024;
const firstGoAway = 2 ** 31 - 1;

/** Memory that the process holds and does not need. */
class Ballast {
  readonly #held: ArrayBuffer[] = [];

  fillTo(share: number): void {
    const wanted = Math.round(share * memoryLimitBytes) - residentBytes();
    assert.ok(wanted > 0, "the test's own memory is below the limit");
    this.#held.push(Buffer.alloc(wanted, "x").buffer as ArrayBuffer);
  }

  drop(): void {
    for (const one of this.#held.splice(0)) one.transfer(0);
  }
}

/** The proxies' levels of shortage so far, in the order they were entered. */
async function untilLevel(mesh: Mesh, text: string): Promise<void> {
  await eventually(() => mesh.lines.filter((line) => line.includes(text)).length >= 2);
}

behaviour(
  "HTTP/2 connections are told to go, and new requests refused",
  import.meta.url,
  async (mesh) => {
    const held: ServerResponse[] = [];
    mesh.program("app-1").onRequest = (request, response) => {
      if (request.url === "/x" && held.length === 0) held.push(response);
      else response.end("at once");
    };
    const ballast = new Ballast();
    const port = mesh.proxy("web").ports.outbound;
    const open = new RawHttp2(port).headers(1, requestFields("app"));
    await eventually(() => held.length === 1);
    try {
      ballast.fillTo(0.84);
      await untilLevel(mesh, "level=end-connections");
      await open.until((own) => own.goAways.length > 0);
      assert.deepEqual(open.goAways, [{ lastStreamId: firstGoAway, code: 0 }]);
      // Nobody has said that the first GOAWAY arrived: what was on its way is served.
      open.headers(3, requestFields("app"));
      await open.until((own) => own.hasAnswered(3));
      const ping = open.frames.find(({ type }) => type === FrameType.Ping);
      open.frame(FrameType.Ping, FrameFlag.Ack, 0, ping?.payload);
      await open.until((own) => own.goAways.length === 2);
      assert.deepEqual(open.goAways[1], { lastStreamId: 3, code: 0 });
      held[0]?.end("whole");
      await open.until((own) => own.hasAnswered(1) && own.isOver);
      assert.equal(open.contentOf(1), "whole");

      const later = new RawHttp2(port).headers(1, requestFields("app"));
      await later.until((own) => own.hasAnswered(1));
      assert.equal(later.contentOf(1), "at once");
      assert.deepEqual(later.goAways, [], "it came after that");
      ballast.fillTo(0.96);
      await untilLevel(mesh, "level=refuse");
      later.headers(3, requestFields("app"));
      await later.until((own) => own.hasAnswered(3));
      const [head] = later.frames.filter(({ type, streamId }) => type === 1 && streamId === 3);
      assert.ok(head?.payload.includes("503") && head.payload.includes("OM"));
      await later.until((own) => own.goAways.length === 2 && own.isOver);
    } finally {
      ballast.drop();
    }
    await untilLevel(mesh, "memory suffices again");
    const after = new RawHttp2(port).headers(1, requestFields("app"));
    await after.until((own) => own.hasAnswered(1));
    assert.deepEqual(after.goAways, []);
    after.close();
  },
  { memoryLimitBytes },
  [1],
);
