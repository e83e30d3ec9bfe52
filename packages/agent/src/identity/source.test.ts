import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, silentLogger, SimClock } from "@weft/runtime";
import { SignCertificateResponse } from "@weft/xds/messages/weft/v1/identity.js";
import { decodeIdentity, encodeIdentity, type Identity, IdentitySource } from "./source.ts";

const hourMs = 3_600_000;

interface Rig {
  readonly clock: SimClock;
  readonly source: IdentitySource;
  readonly taken: Identity[];
  calls: number;
  isAway: boolean;
}

/** A control plane that signs nothing but answers with lifetimes. */
function open(ttlMs: number): Rig {
  const clock = new SimClock();
  const taken: Identity[] = [];
  const rig = { clock, taken, calls: 0, isAway: false };
  const source = new IdentitySource({
    runtime: { clock, timers: clock, random: seededRandom(7), log: silentLogger },
    sign: () => {
      rig.calls++;
      if (rig.isAway) return Promise.reject(new Error("away"));
      const seconds = Math.floor(clock.nowMs() / 1000);
      return Promise.resolve(
        SignCertificateResponse.fromPartial({
          chain: [],
          roots: [],
          spiffeId: "spiffe://weft.local/ns/shop/sa/catalog",
          notBefore: BigInt(seconds),
          notAfter: BigInt(seconds + ttlMs / 1000),
        }),
      );
    },
    onIdentity: (identity) => taken.push(identity),
  });
  return Object.assign(rig, { source });
}

test("renewal comes at half of the life, a tenth earlier or later", async () => {
  const rig = open(24 * hourMs);
  await rig.source.renew();
  await rig.clock.advanceAsync(10.7 * hourMs, hourMs / 10);
  assert.equal(rig.taken.length, 1);
  await rig.clock.advanceAsync(2.6 * hourMs, hourMs / 10);
  assert.equal(rig.taken.length, 2);
  assert.notEqual(rig.taken[0]?.keyPem, rig.taken[1]?.keyPem, "with a key of its own");
});

test("a control plane that is away is asked again, less and less, until it is back", async () => {
  const rig = open(24 * hourMs);
  await rig.source.renew();
  rig.isAway = true;
  await rig.clock.advanceAsync(14 * hourMs, 60_000);
  const tried = rig.calls - 1;
  assert.ok(tried > 10 && tried < 4 * 3600, `${tried} attempts`);
  rig.isAway = false;
  await rig.clock.advanceAsync(60_000, 1_000);
  assert.equal(rig.taken.length, 2);
});

test("an SVID from disk is taken while it is good for a minute, and renewed in time", async () => {
  const rig = open(24 * hourMs);
  const nowMs = rig.clock.nowMs();
  const kept: Identity = {
    keyPem: "key",
    chainPem: "chain",
    rootsPem: "roots",
    spiffeId: "spiffe://weft.local/ns/shop/sa/catalog",
    notBeforeMs: nowMs - 23 * hourMs,
    notAfterMs: nowMs + 59_000,
  };
  assert.equal(rig.source.adopt(kept), false);
  assert.equal(rig.source.current, null);
  assert.equal(rig.source.adopt({ ...kept, notAfterMs: nowMs + hourMs }), true);
  await rig.clock.advanceAsync(100);
  assert.equal(rig.taken.length, 2, "past its half it is renewed at once");
  rig.source.close();
  assert.equal(rig.clock.pendingCount, 0);
});

test("what is kept on disk is read again; anything else is nothing", () => {
  const identity: Identity = {
    keyPem: "key",
    chainPem: "chain",
    rootsPem: "roots",
    spiffeId: "spiffe://weft.local/ns/shop/sa/catalog",
    notBeforeMs: 1,
    notAfterMs: 2,
  };
  assert.deepEqual(decodeIdentity(encodeIdentity(identity)), identity);
  for (const text of ["", "{}", "null", '{"keyPem":1}']) {
    assert.equal(decodeIdentity(Buffer.from(text)), null, text);
  }
});
