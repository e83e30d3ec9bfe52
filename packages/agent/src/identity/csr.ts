// A workload's key and the certificate signing request for it (RFC 2986). The CSR names nothing:
// the control plane derives the identity from the attestation and ignores what a CSR asks for. So
// little of it varies that it is written here in DER (X.690); a library for it held 2 MB.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export interface KeyAndRequest {
  readonly privateKey: KeyObject;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
}

/** A fresh P-256 key and a request signed with it. The key stays in this process. */
export function createKeyAndRequest(): KeyAndRequest {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKeyInfo = publicKey.export({ type: "spki", format: "der" });
  const info = der(tags.sequence, version0, der(tags.sequence), publicKeyInfo, noAttributes);
  const signature = sign("sha256", info, privateKey);
  const csr = der(
    tags.sequence,
    info,
    der(tags.sequence, ecdsaWithSha256),
    der(tags.bitString, Buffer.from([0]), signature),
  );
  return { privateKey, csr };
}

const tags = { bitString: 0x03, sequence: 0x30 } as const;
const version0 = Buffer.from([0x02, 0x01, 0x00]);
/** `[0] IMPLICIT SET OF Attribute`, empty. */
const noAttributes = Buffer.from([0xa0, 0x00]);
/** 1.2.840.10045.4.3.2. */
const ecdsaWithSha256 = Buffer.from("06082a8648ce3d040302", "hex");

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(content.length)]), content]);
}

/** X.690 §8.1.3: one octet below 128, else their number and then themselves. */
function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}
