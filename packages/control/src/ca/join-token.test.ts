import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Runtime, SimClock, seededRandom, silentLogger } from "@weft/runtime";
import {
  formatToken,
  hashSecret,
  type JoinTokens,
  openJoinTokens,
  parseToken,
  type TokenRecord,
  tokenAllows,
} from "./join-token.ts";

const rootSha256 = "ab".repeat(32);
const localSecret = "l".repeat(43);
const local: TokenRecord = {
  id: "local",
  secretSha256: hashSecret(localSecret),
  namespaces: [],
  serviceAccounts: [],
  create: true,
  createdMs: 0,
  expiresMs: null,
  description: "",
};

function opened(records: readonly TokenRecord[] = []): {
  tokens: JoinTokens;
  clock: SimClock;
  saved: () => readonly TokenRecord[];
} {
  const clock = new SimClock();
  const runtime: Runtime = { clock, timers: clock, random: seededRandom(1), log: silentLogger };
  let saved: readonly TokenRecord[] = records;
  const save = async (all: readonly TokenRecord[]): Promise<void> => {
    await Promise.resolve();
    saved = all;
  };
  const tokens = openJoinTokens({ runtime, rootSha256, local, records, save });
  return { tokens, clock, saved: () => saved };
}

const everything = { namespaces: [], serviceAccounts: [], create: false, description: "" };

describe("join tokens", () => {
  it("are answered once and kept only as a hash", async () => {
    const { tokens, saved } = opened();
    const { token, record } = await tokens.create({ ...everything, ttlMs: null });
    const parts = parseToken(token);
    assert.equal(parts?.id, record.id);
    assert.equal(parts?.rootSha256, rootSha256);
    assert.equal(JSON.stringify(saved()).includes(parts?.secret ?? ""), false);
    assert.deepEqual(tokens.check(token), record);
    assert.deepEqual(opened(saved()).tokens.check(token), record);
  });

  it("are refused with a wrong secret, id, root or form", async () => {
    const { tokens } = opened();
    const { token } = await tokens.create({ ...everything, ttlMs: null });
    const parts = parseToken(token);
    assert.ok(parts !== null);
    const wrong = [
      formatToken({ ...parts, secret: "x".repeat(43) }),
      formatToken({ ...parts, id: "unknown1" }),
      formatToken({ ...parts, id: "local" }),
      formatToken({ ...parts, rootSha256: "cd".repeat(32) }),
      "weft1.a.b.c",
      "",
    ];
    for (const one of wrong) assert.throws(() => tokens.check(one), { code: "token-invalid" });
    const right = formatToken({ id: "local", secret: localSecret, rootSha256 });
    assert.equal(tokens.check(`${right}\n`).create, true);
  });

  it("end at their time and are then forgotten", async () => {
    const { tokens, clock } = opened();
    const { token } = await tokens.create({ ...everything, ttlMs: 60_000 });
    clock.advance(59_999);
    tokens.check(token);
    clock.advance(1);
    assert.throws(() => tokens.check(token), { code: "token-expired" });
    const { record } = await tokens.create({ ...everything, ttlMs: null });
    assert.deepEqual(tokens.list(), [record]);
  });

  it("can be deleted; none is lost when several change at once", async () => {
    const { tokens, saved } = opened();
    const request = { ...everything, ttlMs: null };
    const made = await Promise.all([1, 2, 3].map(() => tokens.create(request)));
    const [first, second, third] = made;
    await Promise.all([
      tokens.delete(second?.record.id ?? ""),
      assert.rejects(tokens.delete("nosuch"), { code: "token-unknown" }),
    ]);
    assert.deepEqual(saved(), [first?.record, third?.record]);
    assert.throws(() => tokens.check(second?.token ?? ""), { code: "token-invalid" });
  });

  it("stand only for the identities they are limited to", () => {
    const web = { namespace: "shop", serviceAccount: "web" };
    const limits = (namespaces: string[], serviceAccounts: string[]): boolean =>
      tokenAllows({ namespaces, serviceAccounts, create: false }, web);
    assert.equal(limits([], []), true);
    assert.equal(limits(["shop"], []), true);
    assert.equal(limits(["other", "shop"], ["catalog", "web"]), true);
    assert.equal(limits(["other"], []), false);
    assert.equal(limits([], ["catalog"]), false);
  });

  it("never stand for the mesh itself", () => {
    const identity = { namespace: "weft-system", serviceAccount: "control-plane" };
    assert.equal(tokenAllows(local, identity), false);
  });
});
