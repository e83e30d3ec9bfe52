// Join tokens: `weft1.<id>.<secret>.<sha256 of the root's public key>` (design section 5). The last
// part pins the control plane: an agent accepts only a server chain that ends in that root.

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { AgentFailure } from "../failure.ts";

export interface JoinToken {
  /** The whole token, as sent in `authorization: Bearer`. */
  readonly text: string;
  /** Lower-case hexadecimal. */
  readonly rootKeySha256: string;
}

export function parseToken(text: string): JoinToken | null {
  const trimmed = text.trim();
  const parts = trimmed.split(".");
  const [scheme, id, secret, hash] = parts;
  if (parts.length !== 4 || scheme !== "weft1" || id === "" || secret === "") return null;
  if (hash === undefined || !/^[0-9a-fA-F]{64}$/.test(hash)) return null;
  return { text: trimmed, rootKeySha256: hash.toLowerCase() };
}

/** True when one of the roots (PEM) is the one the token names. */
export function isPinned(token: JoinToken, rootsPem: string): boolean {
  const certificates = rootsPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return (certificates ?? []).some((pem) => {
    const { publicKey } = new X509Certificate(pem);
    const spki = publicKey.export({ type: "spki", format: "der" });
    return createHash("sha256").update(spki).digest("hex") === token.rootKeySha256;
  });
}

export interface TokenPlaces {
  /** `--token-file` or WEFT_TOKEN_FILE. */
  readonly tokenFile: string | null;
  readonly dataDir: string;
}

/** The named file's token, else the local join secret of the data directory, else null. */
export function findToken(places: TokenPlaces): JoinToken | null {
  if (places.tokenFile !== null) {
    const text = readNamed(places.tokenFile);
    const token = parseToken(text);
    if (token !== null) return token;
    throw new AgentFailure(
      "token-unreadable",
      `${places.tokenFile} holds no join token`,
      "Write one there with: weft token create > FILE",
    );
  }
  try {
    return parseToken(readFileSync(path.join(places.dataDir, "join-secret"), "utf8"));
  } catch {
    return null;
  }
}

function readNamed(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new AgentFailure(
      "token-unreadable",
      `cannot read the token file ${file} (${reason})`,
      "Check --token-file or WEFT_TOKEN_FILE, and that you may read the file.",
      { cause: error },
    );
  }
}
