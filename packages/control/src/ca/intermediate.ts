// The intermediate signs SVIDs, so that the root's key can rest. Its key and certificate stand in
// one file and are replaced together.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import type { Runtime } from "@weft/runtime";
import { MeshError } from "../errors.ts";
import { understand } from "./authority-files.ts";
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
import type { Root } from "./root.ts";

export interface Intermediate extends Issuer {
  readonly der: Buffer;
  readonly notAfterMs: number;
}

const lifeMs = 365 * 24 * 60 * 60_000;

/** PEM of a new key and its certificate. */
export async function makeIntermediate(
  runtime: Runtime,
  issuer: Issuer,
  root: Root,
): Promise<string> {
  const keys = await generateKeys();
  const nowMs = runtime.clock.nowMs();
  const der = await buildCertificate({
    issuer,
    publicKey: keys.publicKey,
    commonName: `${root.trustDomain} intermediate ${spkiSha256(keys.publicKey).slice(0, 8)}`,
    serial: runtime.random.bytes(16),
    notBeforeMs: nowMs - clockSkewMs,
    notAfterMs: Math.min(nowMs + lifeMs, root.notAfterMs),
    uri: `spiffe://${root.trustDomain}`,
    ca: { pathLength: 0 },
  });
  return privateKeyPem(keys.privateKey) + certificatePem(der);
}

export function readIntermediate(dir: string, pem: string, root: Root): Intermediate {
  const path = join(dir, "intermediate.pem");
  const { privateKey, certificate } = understand(path, () => ({
    privateKey: createPrivateKey(pem),
    certificate: new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERTIFICATE-----"))),
  }));
  const isOurs = certificate.verify(root.certificate.publicKey);
  if (!isOurs || !certificate.checkPrivateKey(privateKey)) {
    throw new MeshError("authority-damaged", `${path} does not fit root.crt`);
  }
  return {
    commonName: commonNameOf(certificate),
    privateKey,
    publicKey: certificate.publicKey,
    der: certificate.raw,
    notAfterMs: certificate.validToDate.getTime(),
  };
}
