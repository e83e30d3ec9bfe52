// The authority against two independent judges: openssl and @peculiar/x509.

import "reflect-metadata";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import * as x509 from "@peculiar/x509";
import { seededRandom, SimClock, silentLogger, type Runtime } from "@weft/runtime";
import { defaultSettings } from "../settings.ts";
import { type Authority, localSecretPath, openAuthority, restoreAuthority } from "./authority.ts";
import { certificatePem } from "./certificate.ts";

const run = promisify(execFile);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

function simulated(startMs?: number): { runtime: Runtime; clock: SimClock } {
  const clock = new SimClock(startMs);
  const random = seededRandom(7);
  return { clock, runtime: { clock, timers: clock, random, log: silentLogger } };
}

async function makeCsr(
  curve = "P-256",
  names: x509.Extension[] = [],
): Promise<x509.Pkcs10CertificateRequest> {
  const algorithm = { name: "ECDSA", namedCurve: curve, hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  return x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    name: "CN=someone else",
    extensions: names,
    signingAlgorithm: algorithm,
  });
}

const catalog = { namespace: "shop", serviceAccount: "catalog" };

describe("authority", () => {
  let dir: string;
  let authority: Authority;
  const { runtime, clock } = simulated();
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "weft-ca-"));
    authority = await openAuthority({ runtime, dir, settings: defaultSettings });
  });
  after(async () => {
    authority.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("signs an SVID that openssl verifies and whose shape is SPIFFE's", async () => {
    const csr = await makeCsr();
    const svid = await authority.signCsr(Buffer.from(csr.rawData), { ...catalog, ttlMs: null });
    assert.equal(svid.spiffeId, "spiffe://weft.local/ns/shop/sa/catalog");
    const [leaf, intermediate] = svid.chain.map(certificatePem);
    await writeFile(join(dir, "leaf.pem"), leaf ?? "");
    await writeFile(join(dir, "intermediate.pem"), intermediate ?? "");
    await writeFile(join(dir, "bundle.pem"), authority.bundlePem());
    for (const purpose of ["sslserver", "sslclient"]) {
      const args = ["-attime", String(clock.nowMs() / 1000), "-x509_strict", "-purpose", purpose];
      const files = ["-CAfile", "bundle.pem", "-untrusted", "intermediate.pem", "leaf.pem"];
      const { stdout } = await run("openssl", ["verify", ...args, ...files], { cwd: dir });
      assert.match(stdout, /leaf\.pem: OK/);
    }
    const show = ["x509", "-noout", "-text", "-in", "leaf.pem"];
    const text = (await run("openssl", show, { cwd: dir })).stdout;
    assert.match(text, /Subject: *\n/);
    assert.match(
      text,
      /Alternative Name: critical\s+URI:spiffe:\/\/weft.local\/ns\/shop\/sa\/catalog\n/,
    );
    assert.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/);
    assert.match(text, /Extended Key Usage:\s+TLS Web Server Authentication, TLS Web Client Auth/);
    assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
  });

  it("signs an SVID that @peculiar/x509 verifies, for the key of the request", async () => {
    const csr = await makeCsr();
    const svid = await authority.signCsr(Buffer.from(csr.rawData), { ...catalog, ttlMs: null });
    const [leaf, intermediate] = svid.chain.map(
      (der) => new x509.X509Certificate(new Uint8Array(der)),
    );
    assert.ok(leaf !== undefined && intermediate !== undefined);
    const root = new x509.X509Certificate(new Uint8Array(authority.roots()[0] ?? []));
    const date = new Date(clock.nowMs());
    assert.equal(await leaf.verify({ publicKey: intermediate.publicKey, date }), true);
    assert.equal(await intermediate.verify({ publicKey: root.publicKey, date }), true);
    assert.equal(await root.verify({ publicKey: root.publicKey, date }), true);
    assert.deepEqual(Buffer.from(leaf.publicKey.rawData), Buffer.from(csr.publicKey.rawData));
    assert.equal(leaf.notBefore.getTime(), clock.nowMs() - 60_000);
    assert.equal(leaf.notAfter.getTime(), clock.nowMs() + dayMs);
  });

  it("ignores the names a request asks for", async () => {
    const wanted = new x509.SubjectAlternativeNameExtension([
      { type: "url", value: "spiffe://weft.local/ns/shop/sa/admin" },
      { type: "dns", value: "admin.shop" },
    ]);
    const csr = await makeCsr("P-256", [wanted]);
    const svid = await authority.signCsr(Buffer.from(csr.rawData), { ...catalog, ttlMs: null });
    const leaf = new X509Certificate(svid.chain[0] ?? Buffer.alloc(0));
    assert.equal(leaf.subjectAltName, "URI:spiffe://weft.local/ns/shop/sa/catalog");
  });

  it("keeps the time asked for within its bounds", async () => {
    const csr = Buffer.from((await makeCsr()).rawData);
    const lifeMs = async (ttlMs: number): Promise<number> => {
      const svid = await authority.signCsr(csr, { ...catalog, ttlMs });
      return svid.notAfterMs - clock.nowMs();
    };
    assert.equal(await lifeMs(1000), hourMs);
    assert.equal(await lifeMs(2 * hourMs), 2 * hourMs);
    assert.equal(await lifeMs(400 * dayMs), dayMs);
  });

  it("refuses what is no sound P-256 request", async () => {
    const sign = (csr: Uint8Array): Promise<unknown> =>
      authority.signCsr(csr, { ...catalog, ttlMs: null });
    const good = Buffer.from((await makeCsr()).rawData);
    const tampered = Buffer.from(good);
    tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
    const otherName = Buffer.from(good);
    otherName[otherName.indexOf("someone")] = 0x53;
    await assert.rejects(sign(tampered), { code: "csr-invalid" });
    await assert.rejects(sign(otherName), /not made by its own key/);
    await assert.rejects(sign(new Uint8Array(0)), /it is empty/);
    await assert.rejects(sign(Buffer.alloc(9000)), /9000 bytes, more than 8192/);
    await assert.rejects(sign(Buffer.from("hello")), /not a PKCS#10/);
    await assert.rejects(sign(Buffer.from((await makeCsr("P-384")).rawData)), /curve P-256/);
  });

  it("makes the control plane's own identity with names of its address", async () => {
    const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1", "::1"] };
    const identity = await authority.serverIdentity(names);
    const leaf = new X509Certificate(identity.chain[0] ?? Buffer.alloc(0));
    assert.equal(identity.spiffeId, "spiffe://weft.local/ns/weft-system/sa/control-plane");
    assert.equal(leaf.checkIP("127.0.0.1"), "127.0.0.1");
    assert.equal(leaf.checkHost("localhost"), "localhost");
    assert.match(leaf.subjectAltName ?? "", /IP Address:0:0:0:0:0:0:0:1/);
    assert.match(identity.keyPem, /BEGIN PRIVATE KEY/);
  });

  it("limits how often one identity asks", async () => {
    const settings = { ...defaultSettings, csrBurst: 2, csrPerMinute: 60 };
    const other = await mkdtemp(join(tmpdir(), "weft-ca-"));
    const limited = await openAuthority({ runtime, dir: other, settings });
    const csr = Buffer.from((await makeCsr()).rawData);
    await limited.signCsr(csr, { ...catalog, ttlMs: null });
    await limited.signCsr(csr, { ...catalog, ttlMs: null });
    await assert.rejects(limited.signCsr(csr, { ...catalog, ttlMs: null }), {
      code: "csr-rate-limited",
    });
    await limited.signCsr(csr, { ...catalog, serviceAccount: "web", ttlMs: null });
    clock.advance(1000);
    await limited.signCsr(csr, { ...catalog, ttlMs: null });
    limited.close();
    await rm(other, { recursive: true });
  });

  it("keeps private files private and does not make them twice", async () => {
    for (const path of ["ca/root.key", "ca/intermediate.pem", "join-secret"]) {
      assert.equal((await stat(join(dir, path))).mode & 0o777, 0o600, path);
    }
    const secret = await readFile(localSecretPath(dir), "utf8");
    const again = await openAuthority({ runtime, dir, settings: defaultSettings });
    assert.equal(again.rootSha256, authority.rootSha256);
    assert.equal(await readFile(localSecretPath(dir), "utf8"), secret);
    again.close();
  });
});

describe("authority over time", () => {
  const made: string[] = [];
  const fresh = async (): Promise<string> => {
    const dir = await mkdtemp(join(tmpdir(), "weft-ca-"));
    made.push(dir);
    return dir;
  };
  after(() => Promise.all(made.map((dir) => rm(dir, { recursive: true, force: true }))));

  it("gives no SVID that outlives the intermediate", async () => {
    const { runtime, clock } = simulated();
    const settings = { ...defaultSettings, svidTtlMs: 4000 * dayMs };
    const authority = await openAuthority({ runtime, dir: await fresh(), settings });
    const csr = Buffer.from((await makeCsr()).rawData);
    const svid = await authority.signCsr(csr, { ...catalog, ttlMs: null });
    assert.equal(svid.notAfterMs, clock.nowMs() + 365 * dayMs);
    authority.close();
  });

  it("replaces the intermediate before it ends", async () => {
    const dir = await fresh();
    const { runtime, clock } = simulated();
    const authority = await openAuthority({ runtime, dir, settings: defaultSettings });
    const csr = Buffer.from((await makeCsr()).rawData);
    const issuerOf = async (): Promise<string> => {
      const svid = await authority.signCsr(csr, { ...catalog, ttlMs: null });
      return new X509Certificate(svid.chain[1] ?? Buffer.alloc(0)).fingerprint256;
    };
    const first = await issuerOf();
    clock.advance(100 * dayMs);
    assert.equal(await issuerOf(), first);
    authority.close();
    clock.advance(200 * dayMs);
    const later = await openAuthority({ runtime, dir, settings: defaultSettings });
    const svid = await later.signCsr(csr, { ...catalog, ttlMs: null });
    const intermediate = new X509Certificate(svid.chain[1] ?? Buffer.alloc(0));
    assert.notEqual(intermediate.fingerprint256, first);
    assert.ok(intermediate.validToDate.getTime() > clock.nowMs() + 360 * dayMs);
    later.close();
  });

  it("holds several roots and says when they change", async () => {
    const { runtime } = simulated();
    const dir = await fresh();
    const old = await openAuthority({ runtime, dir: await fresh(), settings: defaultSettings });
    const authority = await openAuthority({ runtime, dir, settings: defaultSettings });
    let changes = 0;
    authority.onChange(() => changes++);
    await authority.trustRoot(old.bundlePem());
    assert.equal(authority.roots().length, 2);
    assert.deepEqual(authority.roots()[1], old.roots()[0]);
    const again = await openAuthority({ runtime, dir, settings: defaultSettings });
    assert.equal(again.bundlePem(), authority.bundlePem());
    await authority.distrustRoot(old.rootSha256);
    await authority.distrustRoot(authority.rootSha256);
    assert.equal(authority.roots().length, 1);
    assert.equal(changes, 2);
    for (const one of [old, authority, again]) one.close();
  });

  it("restores a backup with the same root, tokens and local secret", async () => {
    const { runtime } = simulated();
    const first = await fresh();
    const authority = await openAuthority({ runtime, dir: first, settings: defaultSettings });
    const request = { namespaces: ["shop"], serviceAccounts: [], create: false };
    const { token } = await authority.tokens.create({ ...request, ttlMs: null, description: "" });
    const backup = await authority.backup();
    const second = await fresh();
    await restoreAuthority(second, backup);
    await assert.rejects(restoreAuthority(second, backup), { code: "restore-not-empty" });
    const restored = await openAuthority({ runtime, dir: second, settings: defaultSettings });
    assert.equal(restored.rootSha256, authority.rootSha256);
    assert.deepEqual(restored.tokens.check(token).namespaces, ["shop"]);
    assert.equal(restored.tokens.check(backup.joinSecret.trim()).create, true);
    for (const one of [authority, restored]) one.close();
  });

  it("names what is wrong with the files it finds", async () => {
    const { runtime } = simulated();
    const open = (dir: string, trustDomain: string | null = null): Promise<Authority> =>
      openAuthority({ runtime, dir, settings: { ...defaultSettings, trustDomain } });
    const dir = await fresh();
    (await open(dir, "one.example")).close();
    await assert.rejects(open(dir, "two.example"), { code: "trust-domain-changed" });
    await assert.rejects(open(await fresh(), "No Such"), { code: "trust-domain-invalid" });
    const other = await fresh();
    (await open(other)).close();
    await writeFile(join(dir, "ca/root.key"), await readFile(join(other, "ca/root.key")));
    await assert.rejects(open(dir), /root\.key is not the key of root\.crt/);
    await rm(join(other, "ca/root.crt"));
    await assert.rejects(open(other), /root\.crt is missing/);
    await assert.rejects(open(join(dir, "join-secret")), {
      code: "data-directory-unusable",
      message: /join-secret.* part of the path is a file/,
    });
  });
});
