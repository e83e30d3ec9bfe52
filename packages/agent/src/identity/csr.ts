// A workload's key and the certificate signing request for it (RFC 2986). The CSR names nothing:
// the control plane derives the identity from the attestation and ignores what a CSR asks for.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { Attributes, CertificationRequest, CertificationRequestInfo } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Name, SubjectPublicKeyInfo } from "@peculiar/asn1-x509";

const ecdsaWithSha256 = "1.2.840.10045.4.3.2";

export interface KeyAndRequest {
  readonly privateKey: KeyObject;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
}

/** A fresh P-256 key and a request signed with it. The key stays in this process. */
export function createKeyAndRequest(): KeyAndRequest {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = new CertificationRequestInfo({
    subject: new Name([]),
    subjectPKInfo: AsnConvert.parse(
      publicKey.export({ type: "spki", format: "der" }),
      SubjectPublicKeyInfo,
    ),
    attributes: new Attributes(),
  });
  const signed = new Uint8Array(AsnConvert.serialize(info));
  const signature = sign("sha256", signed, privateKey);
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 }),
    signature: new Uint8Array(signature).buffer,
  });
  return { privateKey, csr: new Uint8Array(AsnConvert.serialize(request)) };
}
