// Builds X.509 certificates: CA certificates and X.509-SVIDs (SPIFFE X.509-SVID standard; RFC 5280
// section 4). The structure is made with @peculiar/asn1-x509; the signature is made off the main
// thread by node:crypto.

import {
  createHash,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
  type X509Certificate,
} from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

const ecdsaWithSha256 = "1.2.840.10045.4.3.2";
const attributeCommonName = "2.5.4.3";
const attributeOrganization = "2.5.4.10";

/** How far back validity begins, for peers whose clock is behind. */
export const clockSkewMs: number = 60_000;

export interface Issuer {
  /** CommonName of the issuing certificate's subject. */
  readonly commonName: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface CertificateRequest {
  readonly issuer: Issuer;
  readonly publicKey: KeyObject;
  /** CommonName of the subject; null leaves the subject empty, which makes the SAN critical. */
  readonly commonName: string | null;
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Exactly one: an SVID has one URI SAN, and a CA's has no path. */
  readonly uri: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Absent for a leaf. `null`: no limit to the length of the path below. */
  readonly ca?: { readonly pathLength: number | null };
}

/**
 * DER of the signed certificate. The event loop waits only for encoding, well under a millisecond.
 */
export async function buildCertificate(request: CertificateRequest): Promise<Buffer> {
  const algorithm = new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
  const tbs = new TBSCertificate({
    version: Version.v3,
    serialNumber: positiveInteger(request.serial),
    signature: algorithm,
    issuer: name(request.issuer.commonName),
    validity: new Validity({
      notBefore: new Date(wholeSecondMs(request.notBeforeMs)),
      notAfter: new Date(wholeSecondMs(request.notAfterMs)),
    }),
    subject: name(request.commonName),
    subjectPublicKeyInfo: AsnConvert.parse(spkiDer(request.publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions(extensions(request)),
  });
  const tbsDer = Buffer.from(AsnConvert.serialize(tbs));
  const signature = await signSha256(tbsDer, request.issuer.privateKey);
  const certificate = new Certificate({
    tbsCertificate: tbs,
    tbsCertificateRaw: arrayBuffer(tbsDer),
    signatureAlgorithm: algorithm,
    signatureValue: arrayBuffer(signature),
  });
  return Buffer.from(AsnConvert.serialize(certificate));
}

/** A P-256 key pair, made off the main thread. */
export function generateKeys(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return new Promise((resolve, reject) => {
    generateKeyPair("ec", { namedCurve: "P-256" }, (error, publicKey, privateKey) => {
      if (error !== null) reject(error);
      else resolve({ publicKey, privateKey });
    });
  });
}

/** Lower-case hex SHA-256 of the SubjectPublicKeyInfo: what join tokens pin. */
export function spkiSha256(key: KeyObject): string {
  return createHash("sha256").update(spkiDer(key)).digest("hex");
}

/** PEM as OpenSSL writes it (RFC 7468). */
export function certificatePem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g);
  return `-----BEGIN CERTIFICATE-----\n${(lines ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
}

export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}

/** The CommonName of a CA's subject. */
export function commonNameOf(certificate: X509Certificate): string {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? "";
}

function extensions(request: CertificateRequest): Extension[] {
  const { ca } = request;
  const usage =
    ca === undefined
      ? KeyUsageFlags.digitalSignature
      : KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  const constraints =
    ca === undefined
      ? new BasicConstraints({ cA: false })
      : new BasicConstraints(
          ca.pathLength === null ? { cA: true } : { cA: true, pathLenConstraint: ca.pathLength },
        );
  const out = [
    extension(id_ce_basicConstraints, true, constraints),
    extension(id_ce_keyUsage, true, new KeyUsage(usage)),
    extension(
      id_ce_authorityKeyIdentifier,
      false,
      new AuthorityKeyIdentifier({
        keyIdentifier: new KeyIdentifier(keyIdentifier(request.issuer.publicKey)),
      }),
    ),
    extension(
      id_ce_subjectKeyIdentifier,
      false,
      new SubjectKeyIdentifier(keyIdentifier(request.publicKey)),
    ),
    extension(id_ce_subjectAltName, request.commonName === null, alternativeNames(request)),
  ];
  if (ca === undefined) {
    const purposes = new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth]);
    out.splice(2, 0, extension(id_ce_extKeyUsage, false, purposes));
  }
  return out;
}

function alternativeNames(request: CertificateRequest): SubjectAlternativeName {
  return new SubjectAlternativeName([
    new GeneralName({ uniformResourceIdentifier: request.uri }),
    ...(request.dnsNames ?? []).map((dNSName) => new GeneralName({ dNSName })),
    ...(request.ipAddresses ?? []).map((iPAddress) => new GeneralName({ iPAddress })),
  ]);
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}

/**
 * RFC 5280 §4.2.1.2 method (1): SHA-1 of the key bits, which end the SPKI of a P-256 key (65
 * bytes).
 */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha1").update(spkiDer(key).subarray(-65)).digest();
}

function spkiDer(key: KeyObject): Buffer {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return publicKey.export({ type: "spki", format: "der" });
}

function name(commonName: string | null): Name {
  if (commonName === null) return new Name([]);
  const attribute = (type: string, text: string): RelativeDistinguishedName =>
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String: text }) }),
    ]);
  return new Name([
    attribute(attributeOrganization, "Weft"),
    attribute(attributeCommonName, commonName),
  ]);
}

/** A serial is a positive INTEGER of at most 20 octets (RFC 5280 §4.1.2.2). */
function positiveInteger(bytes: Uint8Array): ArrayBuffer {
  const out = Buffer.from(bytes.subarray(0, 20));
  out[0] = ((out[0] ?? 0) & 0x7f) | 0x40;
  return arrayBuffer(out);
}

function wholeSecondMs(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function signSha256(bytes: Uint8Array, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign("sha256", bytes, { key, dsaEncoding: "der" }, (error, signature) => {
      if (error !== null) reject(error);
      else resolve(signature);
    });
  });
}
