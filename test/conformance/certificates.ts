// A certificate authority for tests, made with another library than the one under test: short-lived
// X.509-SVIDs as the control plane would sign them.

import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from "@peculiar/x509";
import type { ProxyIdentity } from "@weft/proxy";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const hourMs = 3_600_000;

export class TestAuthority {
  readonly rootsPem: string;
  readonly #root: X509Certificate;
  readonly #keys: CryptoKeyPair;

  static async create(): Promise<TestAuthority> {
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
      "sign",
      "verify",
    ])) as unknown as CryptoKeyPair;
    const root = await X509CertificateGenerator.createSelfSigned({
      name: "CN=test root",
      keys,
      notBefore: new Date(Date.now() - hourMs),
      notAfter: new Date(Date.now() + 24 * hourMs),
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new TestAuthority(root, keys);
  }

  private constructor(root: X509Certificate, keys: CryptoKeyPair) {
    this.#root = root;
    this.#keys = keys;
    this.rootsPem = root.toString("pem");
  }

  /** An SVID for that SPIFFE ID; `uris` other than one make a certificate that is no SVID. */
  async issue(
    spiffeId: string,
    uris: readonly string[] = [spiffeId],
    lifeMs: number = hourMs,
  ): Promise<ProxyIdentity> {
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
      "sign",
      "verify",
    ])) as unknown as CryptoKeyPair;
    const notAfter = new Date(Date.now() + lifeMs);
    const leaf = await X509CertificateGenerator.create({
      subject: "",
      issuer: this.#root.subject,
      notBefore: new Date(Date.now() - hourMs),
      notAfter,
      signingKey: this.#keys.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(
          uris.map((value) => ({ type: "url" as const, value })),
          true,
        ),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey as never));
    return {
      keyPem: `-----BEGIN PRIVATE KEY-----\n${key.toString("base64")}\n-----END PRIVATE KEY-----\n`,
      chainPem: leaf.toString("pem"),
      rootsPem: this.rootsPem,
      spiffeId,
      notAfterMs: notAfter.getTime(),
    };
  }
}
