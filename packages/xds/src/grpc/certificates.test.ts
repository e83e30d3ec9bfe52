// Certificates for the tests of this folder, made by the library that is the oracle elsewhere too.

import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";

// Its declarations need those of a browser, which this package does without; hence no types here.
const library: string = "@peculiar/x509";
const x509 = await import(library);
x509.cryptoProvider.set(webcrypto);
let lastSerial = 0;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export interface TestRoot {
  readonly pem: string;
  readonly spkiSha256: string;
  /** A leaf under an intermediate of this root. */
  leaf(uris: readonly string[], options?: { ca?: boolean }): Promise<TestLeaf>;
}

export interface TestLeaf {
  readonly chainPem: string;
  readonly keyPem: string;
  readonly rootsPem: string;
}

/** Roots of one `name` look alike, as a forged one would. */
export async function makeTestRoot(
  trustDomain: string | null,
  name = `root ${++lastSerial}`,
): Promise<TestRoot> {
  const rootKeys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await make({
    subject: `CN=${name}`,
    issuer: `CN=${name}`,
    publicKey: rootKeys.publicKey,
    signingKey: rootKeys.privateKey,
    ca: true,
    uris: trustDomain === null ? [] : [`spiffe://${trustDomain}`],
  });
  const middleKeys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const middle = await make({
    subject: `CN=${name} intermediate`,
    issuer: `CN=${name}`,
    publicKey: middleKeys.publicKey,
    signingKey: rootKeys.privateKey,
    ca: true,
    uris: [],
  });
  const spki = Buffer.from(root.publicKey.rawData);
  return {
    pem: root.toString("pem"),
    spkiSha256: createHash("sha256").update(spki).digest("hex"),
    async leaf(uris, options = {}) {
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const leaf = await make({
        subject: "CN=leaf",
        issuer: `CN=${name} intermediate`,
        publicKey: keys.publicKey,
        signingKey: middleKeys.privateKey,
        ca: options.ca ?? false,
        uris,
      });
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
      const body = pkcs8.toString("base64");
      return {
        chainPem: `${leaf.toString("pem")}\n${middle.toString("pem")}\n`,
        keyPem: `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
        rootsPem: root.toString("pem"),
      };
    },
  };
}

interface Made {
  readonly publicKey: { readonly rawData: ArrayBuffer };
  toString(format: "pem"): string;
}

interface Wanted {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: webcrypto.CryptoKey;
  readonly signingKey: webcrypto.CryptoKey;
  readonly ca: boolean;
  readonly uris: readonly string[];
}

function make(wanted: Wanted): Promise<Made> {
  const usage = wanted.ca ? x509.KeyUsageFlags.keyCertSign : x509.KeyUsageFlags.digitalSignature;
  const names = wanted.uris.map((value) => ({ type: "url" as const, value }));
  return x509.X509CertificateGenerator.create({
    serialNumber: (++lastSerial).toString(16).padStart(4, "0"),
    subject: wanted.subject,
    issuer: wanted.issuer,
    notBefore: new Date("2020-01-01"),
    notAfter: new Date("2090-01-01"),
    publicKey: wanted.publicKey,
    signingKey: wanted.signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(wanted.ca, undefined, true),
      new x509.KeyUsagesExtension(usage, true),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
}
