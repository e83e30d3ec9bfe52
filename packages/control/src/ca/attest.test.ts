import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MeshError } from "../errors.ts";
import { type AttestOptions, attest } from "./attest.ts";
import type { TokenRecord } from "./join-token.ts";

const web = { namespace: "shop", serviceAccount: "web" };
const webId = "spiffe://weft.local/ns/shop/sa/web";

function options(limits: Partial<TokenRecord> | null): AttestOptions {
  const record: TokenRecord = {
    id: "t",
    secretSha256: "",
    namespaces: [],
    serviceAccounts: [],
    create: false,
    createdMs: 0,
    expiresMs: null,
    description: "",
    ...limits,
  };
  const check = (): TokenRecord => {
    if (limits === null) throw new MeshError("token-expired", "join token t has expired");
    return record;
  };
  return { trustDomain: "weft.local", tokens: { check } };
}

describe("attestation", () => {
  it("takes an SVID for its own identity, and the right to create from a token beside it", () => {
    const peer = { spiffeId: webId, token: null };
    const alone = attest(peer, web, options({}));
    assert.deepEqual(alone, { identity: web, spiffeId: webId, by: "svid", mayCreate: false });
    const both = { spiffeId: webId, token: "weft1…" };
    assert.equal(attest(both, web, options({ create: true })).mayCreate, true);
    assert.equal(attest(both, web, options({ create: true, namespaces: ["x"] })).mayCreate, false);
    assert.equal(
      attest(both, web, options(null)).mayCreate,
      false,
      "an expired token takes nothing",
    );
  });

  it("takes a token for the identities it is limited to", () => {
    const peer = { spiffeId: null, token: "weft1…" };
    const attested = attest(peer, web, options({ serviceAccounts: ["web"], create: true }));
    assert.deepEqual([attested.by, attested.mayCreate], ["token", true]);
    const refused = (limits: Partial<TokenRecord> | null): string => {
      try {
        attest(peer, web, options(limits));
        return "";
      } catch (error) {
        return (error as MeshError).code;
      }
    };
    assert.equal(refused({ serviceAccounts: ["cart"] }), "token-not-allowed");
    assert.equal(refused({ namespaces: ["other"] }), "token-not-allowed");
    assert.equal(refused(null), "token-expired");
  });

  it("refuses an SVID of another identity or trust domain, and nobody", () => {
    const codeFor = (spiffeId: string | null): string => {
      try {
        attest({ spiffeId, token: null }, web, options({}));
        return "";
      } catch (error) {
        return (error as MeshError).code;
      }
    };
    assert.equal(codeFor("spiffe://weft.local/ns/shop/sa/cart"), "identity-mismatch");
    assert.equal(codeFor("spiffe://other.local/ns/shop/sa/web"), "identity-mismatch");
    assert.equal(codeFor(null), "unauthenticated");
  });

  it("gives nobody an identity of the mesh itself, nor one that is no name", () => {
    const peer = { spiffeId: null, token: "weft1…" };
    const everything = options({ create: true });
    const system = { namespace: "weft-system", serviceAccount: "control-plane" };
    assert.throws(() => attest(peer, system, everything), { code: "forbidden" });
    for (const serviceAccount of ["", "..", "a/b", "A", "a b"]) {
      const wanted = { namespace: "shop", serviceAccount };
      assert.throws(() => attest(peer, wanted, everything), { code: "request-invalid" });
    }
    const wanted = { namespace: "shop/sa/x", serviceAccount: "web" };
    assert.throws(() => attest(peer, wanted, everything), { code: "request-invalid" });
  });
});
