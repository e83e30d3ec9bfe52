// First contact: finds the root a join token names. The server shows its whole chain; it is taken
// only if it ends in a root whose public key has the pinned hash. What comes back is used as the
// only root of the real connection, which TLS then verifies as any other.

import { createHash, type X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { StatusCode, StatusError } from "../status.ts";
import { splitAddress } from "./address.ts";

const depthMax = 8;

/** The root's PEM. `sha256` is lower-case hex, of the SubjectPublicKeyInfo. */
export async function fetchPinnedRoot(
  address: string,
  sha256: string,
  timeoutMs: number,
): Promise<string> {
  const root = rootOf(await fetchLeaf(address, timeoutMs));
  if (root === null) {
    throw refusal(`the server at ${address} does not show a certificate chain that ends in a root`);
  }
  const found = spkiSha256(root);
  if (found !== sha256) {
    const what = "is not the control plane this token was made for";
    throw refusal(`the server at ${address} ${what} (its root is ${found.slice(0, 12)}…)`);
  }
  return root.toString();
}

function spkiSha256(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

function fetchLeaf(address: string, timeoutMs: number): Promise<X509Certificate> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      socket.destroy();
      const message = `no control plane at ${address}: ${reason}`;
      reject(new StatusError(StatusCode.unavailable, message));
    };
    const socket = connect(
      // Nothing is sent or believed on this connection; it only shows the chain.
      { host, port, rejectUnauthorized: false, ALPNProtocols: ["h2"], minVersion: "TLSv1.2" },
      () => {
        const leaf = socket.getPeerX509Certificate();
        if (leaf === undefined) return fail("it showed no certificate");
        resolve(leaf);
        socket.destroy();
      },
    );
    socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    socket.once("error", (error) => fail(error.message));
    socket.once("end", () => fail("it closed the connection"));
  });
}

/** Walks up by signatures to a certificate that signed itself. */
function rootOf(leaf: X509Certificate): X509Certificate | null {
  let at = leaf;
  for (let depth = 0; depth < depthMax; depth++) {
    if (at.checkIssued(at)) return at.ca && at.verify(at.publicKey) ? at : null;
    const issuer = at.issuerCertificate;
    if (issuer === undefined || !issuer.ca || !at.verify(issuer.publicKey)) return null;
    at = issuer;
  }
  return null;
}

function refusal(message: string): StatusError {
  return new StatusError(StatusCode.unauthenticated, message);
}
