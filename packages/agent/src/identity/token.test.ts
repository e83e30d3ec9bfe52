import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { isPinned, parseToken } from "./token.ts";

const hash = "0123456789abcdef".repeat(4);

test("a token has four parts and ends in a hash", () => {
  const token = parseToken(` weft1.id.secret.${hash.toUpperCase()}\n`);
  assert.equal(token?.rootKeySha256, hash);
  assert.equal(token?.text, `weft1.id.secret.${hash.toUpperCase()}`);
  for (const text of [
    "",
    "weft1",
    `weft2.id.secret.${hash}`,
    `weft1..secret.${hash}`,
    `weft1.id..${hash}`,
    `weft1.id.secret.${hash}0`,
    `weft1.id.secret.${hash}.more`,
    `weft1.id.secret.${"g".repeat(64)}`,
  ]) {
    assert.equal(parseToken(text), null, text);
  }
});

test("an SVID's roots are held against the token's pin", () => {
  const [one = "", two = ""] = rootCertificates;
  const spki = new X509Certificate(two).publicKey.export({ type: "spki", format: "der" });
  const sha = createHash("sha256").update(spki).digest("hex");
  const token = parseToken(`weft1.id.secret.${sha}`);
  assert.ok(token);
  assert.equal(isPinned(token, `${one}\n${two}\n`), true);
  assert.equal(isPinned(token, `${one}\n`), false);
  assert.equal(isPinned(token, ""), false);
});
