// The certificate authority on disk: `<data-dir>/ca` with keys and certificates in PEM, each file
// 0600. A new authority appears whole: it is written beside its place and renamed into it.

import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  directoryError,
  makePrivateDirectory,
  readOwnFile,
  writePrivateFile,
} from "../data-directory.ts";
import { MeshError } from "../errors.ts";

/** File name to text. `intermediate.pem` holds key and certificate, so that both change at once. */
export interface AuthorityFiles {
  readonly "root.key": string;
  readonly "root.crt": string;
  readonly "intermediate.pem": string;
  /** Roots trusted beside our own, concatenated. */
  readonly "trusted-roots.pem": string;
  readonly "tokens.json": string;
}

const fileNames: readonly (keyof AuthorityFiles)[] = [
  "root.key",
  "root.crt",
  "intermediate.pem",
  "trusted-roots.pem",
  "tokens.json",
];

/** Null when there is no authority yet; throws `authority-damaged` when a file is missing. */
export async function readAuthorityFiles(dir: string): Promise<AuthorityFiles | null> {
  const texts = new Map<string, string>();
  for (const name of fileNames) {
    const text = await readOwnFile(join(dir, name), { secret: true });
    if (text !== null) texts.set(name, text);
  }
  if (texts.size === 0) return null;
  const missing = fileNames.filter((name) => !texts.has(name));
  if (missing.length > 0) {
    throw new MeshError("authority-damaged", `${join(dir, missing.join(", "))} is missing`);
  }
  return Object.fromEntries(texts) as unknown as AuthorityFiles;
}

export async function writeNewAuthority(dir: string, files: AuthorityFiles): Promise<void> {
  const draft = `${dir}.new`;
  await rm(draft, { recursive: true, force: true });
  await makePrivateDirectory(draft);
  for (const name of fileNames) await writePrivateFile(join(draft, name), files[name]);
  try {
    await rename(draft, dir);
  } catch (cause) {
    throw directoryError("written", dir, cause);
  }
}

export function writeAuthorityFile(
  dir: string,
  name: keyof AuthorityFiles,
  text: string,
): Promise<void> {
  return writePrivateFile(join(dir, name), text);
}

/** Runs `read`; what it throws becomes `authority-damaged` with the path. */
export function understand<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new MeshError("authority-damaged", `${path} cannot be understood`, { cause });
  }
}
