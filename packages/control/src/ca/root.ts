// The root of a trust domain: made once, read at every start, its key touched only to sign an
// intermediate. Other roots may stand beside it in the bundle.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import type { Runtime } from "@weft/runtime";
import { MeshError } from "../errors.ts";
import { type AuthorityFiles, understand } from "./authority-files.ts";
import {
  buildCertificate,
  certificatePem,
  clockSkewMs,
  commonNameOf,
  generateKeys,
  type Issuer,
  privateKeyPem,
  spkiSha256,
} from "./certificate.ts";

export interface Root {
  readonly der: Buffer;
  readonly pem: string;
  readonly certificate: X509Certificate;
  readonly commonName: string;
  /** Of its public key. */
  readonly sha256: string;
  readonly trustDomain: string;
  readonly notAfterMs: number;
}

const rootLifeMs = 3652 * 24 * 60 * 60_000;

/** A new root: its key and its certificate in PEM, and both in use. */
export async function makeRoot(
  runtime: Runtime,
  trustDomain: string,
): Promise<{ keyPem: string; root: Root; issuer: Issuer }> {
  const keys = await generateKeys();
  const commonName = `${trustDomain} root ${spkiSha256(keys.publicKey).slice(0, 8)}`;
  const issuer: Issuer = { commonName, ...keys };
  const nowMs = runtime.clock.nowMs();
  const der = await buildCertificate({
    issuer,
    publicKey: keys.publicKey,
    commonName,
    serial: runtime.random.bytes(16),
    notBeforeMs: nowMs - clockSkewMs,
    notAfterMs: nowMs + rootLifeMs,
    uri: `spiffe://${trustDomain}`,
    ca: { pathLength: null },
  });
  return { keyPem: privateKeyPem(keys.privateKey), root: parseRoot(certificatePem(der)), issuer };
}

/** `asked`: the trust domain it has to be of; null takes any. */
export function readRoot(dir: string, files: AuthorityFiles, asked: string | null): Root {
  const path = join(dir, "root.crt");
  const root = understand(path, () => parseRoot(files["root.crt"]));
  rootIssuer(dir, files["root.key"], root);
  if (asked !== null && asked !== root.trustDomain) {
    throw new MeshError(
      "trust-domain-changed",
      `${dir} belongs to the trust domain ${root.trustDomain}, not to ${asked}`,
    );
  }
  return root;
}

/** The root with its key, checked to fit. */
export function rootIssuer(dir: string, pem: string, root: Root): Issuer {
  const path = join(dir, "root.key");
  const privateKey = understand(path, () => createPrivateKey(pem));
  if (!root.certificate.checkPrivateKey(privateKey)) {
    throw new MeshError("authority-damaged", `${path} is not the key of root.crt`);
  }
  return {
    commonName: root.commonName,
    privateKey,
    publicKey: root.certificate.publicKey,
  };
}

/** CA certificates by the SHA-256 of their public key. */
export function readTrustedRoots(where: string, pem: string): Map<string, Buffer> {
  const out = new Map<string, Buffer>();
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  for (const block of blocks) {
    const certificate = understand(where, () => new X509Certificate(block));
    if (!certificate.ca) {
      throw new MeshError("authority-damaged", `${where} holds a certificate that is no CA's`);
    }
    out.set(spkiSha256(certificate.publicKey), certificate.raw);
  }
  return out;
}

function parseRoot(pem: string): Root {
  const certificate = new X509Certificate(pem);
  const uri = /(?:^|, )URI:spiffe:\/\/([a-z0-9._-]+)$/.exec(certificate.subjectAltName ?? "");
  return {
    der: certificate.raw,
    pem,
    certificate,
    commonName: commonNameOf(certificate),
    sha256: spkiSha256(certificate.publicKey),
    trustDomain: uri?.[1] ?? "",
    notAfterMs: certificate.validToDate.getTime(),
  };
}
