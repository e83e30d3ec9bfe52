// Checks a PKCS#10 request (RFC 2986) before anything is signed: size, structure, curve, proof of
// possession. Its subject and its SANs are never read: the identity comes from the attestation.

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { MeshError } from "../errors.ts";

const csrBytesMax = 8 * 1024;

const ecdsaWithSha256 = "1.2.840.10045.4.3.2";

/** The public key of a sound request; throws `csr-invalid` for any other. */
export async function checkSignRequest(der: Uint8Array): Promise<KeyObject> {
  if (der.byteLength === 0) throw invalid("it is empty");
  if (der.byteLength > csrBytesMax) {
    throw invalid(`it has ${der.byteLength} bytes, more than ${csrBytesMax}`);
  }
  const request = parse(der);
  if (request.signatureAlgorithm.algorithm !== ecdsaWithSha256) {
    throw invalid("its signature is not ECDSA with SHA-256");
  }
  const key = publicKey(request);
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw invalid("its key is not on the curve P-256");
  }
  const signed = request.certificationRequestInfoRaw;
  if (signed === undefined || !(await isSignedBy(key, signed, request.signature))) {
    throw invalid("its signature was not made by its own key");
  }
  return key;
}

function parse(der: Uint8Array): CertificationRequest {
  try {
    return AsnConvert.parse(der, CertificationRequest);
  } catch (cause) {
    throw invalid("it is not a PKCS#10 request in DER", cause);
  }
}

function publicKey(request: CertificationRequest): KeyObject {
  try {
    const spki = AsnConvert.serialize(request.certificationRequestInfo.subjectPKInfo);
    return createPublicKey({ key: Buffer.from(spki), type: "spki", format: "der" });
  } catch (cause) {
    throw invalid("its public key cannot be read", cause);
  }
}

function isSignedBy(key: KeyObject, signed: ArrayBuffer, signature: ArrayBuffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settings = { key, dsaEncoding: "der" as const };
    verify("sha256", Buffer.from(signed), settings, Buffer.from(signature), (error, isValid) => {
      if (error !== null) reject(error);
      else resolve(isValid);
    });
  });
}

function invalid(why: string, cause?: unknown): MeshError {
  return new MeshError("csr-invalid", `the certificate signing request was refused: ${why}`, {
    cause,
  });
}
