// The certificate authority of a mesh: a root that signs intermediates, an intermediate that signs
// X.509-SVIDs, the bundle of roots that verify them, and the join tokens (decision D7; SPIFFE
// X.509-SVID).

import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Runtime, Timer } from "@weft/runtime";
import { readOwnFile, writePrivateFile } from "../data-directory.ts";
import { MeshError } from "../errors.ts";
import { type ControlSettings, defaultTrustDomain } from "../settings.ts";
import {
  type AuthorityFiles,
  readAuthorityFiles,
  understand,
  writeAuthorityFile,
  writeNewAuthority,
} from "./authority-files.ts";
import {
  buildCertificate,
  certificatePem,
  clockSkewMs,
  generateKeys,
  privateKeyPem,
} from "./certificate.ts";
import { type Intermediate, makeIntermediate, readIntermediate } from "./intermediate.ts";
import {
  formatToken,
  hashSecret,
  type JoinTokens,
  localTokenId,
  makeSecret,
  openJoinTokens,
  parseToken,
  type TokenRecord,
} from "./join-token.ts";
import { RateLimit } from "./rate-limit.ts";
import { makeRoot, type Root, readRoot, readTrustedRoots, rootIssuer } from "./root.ts";
import { checkSignRequest } from "./sign-request.ts";
import {
  assertTrustDomain,
  controlPlaneIdentity,
  formatSpiffeId,
  type WorkloadIdentity,
} from "./spiffe-id.ts";

export interface AuthorityOptions {
  readonly runtime: Runtime;
  /** The data directory; the authority lives in its folder `ca`. */
  readonly dir: string;
  readonly settings: ControlSettings;
}

interface SvidRequest extends WorkloadIdentity {
  /** Null asks for the default. */
  readonly ttlMs: number | null;
}

export interface Svid {
  /** DER, leaf first, without the root. */
  readonly chain: readonly Buffer[];
  readonly spiffeId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface ServerNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface ServerIdentity extends Svid {
  readonly keyPem: string;
  readonly chainPem: string;
  readonly rootsPem: string;
}

interface Subscription {
  close(): void;
}

export interface Authority {
  readonly trustDomain: string;
  /** SHA-256 of the root's public key, in hex: what tokens and agents pin. */
  readonly rootSha256: string;
  readonly tokens: JoinTokens;
  /** Every root that verifies this trust domain, our own first; DER. */
  roots(): readonly Buffer[];
  bundlePem(): string;
  /** Called after every change of the bundle. */
  onChange(listener: () => void): Subscription;
  /** Adds a root to the bundle: the first step of moving to another authority. */
  trustRoot(pem: string): Promise<void>;
  /** Takes a root out of the bundle again, by the SHA-256 of its public key; never our own. */
  distrustRoot(rootSha256: string): Promise<void>;
  /** Throws `csr-invalid` or `csr-rate-limited`. The attestation is the caller's business. */
  signCsr(csr: Uint8Array, request: SvidRequest): Promise<Svid>;
  /** A new key and certificate for the control plane's own port. */
  serverIdentity(names: ServerNames): Promise<ServerIdentity>;
  /** Everything a restore needs, as of now. */
  backup(): Promise<AuthorityBackup>;
  close(): void;
}

export interface AuthorityBackup {
  readonly files: AuthorityFiles;
  readonly joinSecret: string;
}

/** The intermediate is replaced when less than this is left of it. */
const intermediateRenewalMs = 120 * 24 * 60 * 60_000;
const checkPeriodMs = 60 * 60_000;

/** Opens the authority of a data directory, making it on the first start. */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const dir = join(options.dir, "ca");
  const files = (await readAuthorityFiles(dir)) ?? (await foundAuthority(options, dir));
  const root = readRoot(dir, files, options.settings.trustDomain);
  const trusted = readTrustedRoots(dir, files["trusted-roots.pem"]);
  const records = readTokens(dir, files["tokens.json"]);
  const local = await openLocalSecret(options, root.sha256);
  const tokens = openJoinTokens({
    runtime: options.runtime,
    rootSha256: root.sha256,
    local,
    records,
    save: (all) => writeAuthorityFile(dir, "tokens.json", `${JSON.stringify(all, null, 2)}\n`),
  });
  const intermediate = readIntermediate(dir, files["intermediate.pem"], root);
  const authority = new FileAuthority(options, dir, { root, trusted, tokens, intermediate });
  await authority.renewIntermediate();
  return authority;
}

/** Puts a backed-up authority into a data directory that has none. */
export async function restoreAuthority(dataDir: string, backup: AuthorityBackup): Promise<void> {
  if ((await readAuthorityFiles(join(dataDir, "ca"))) !== null) {
    throw new MeshError("restore-not-empty", `${dataDir} already holds a certificate authority`);
  }
  await writeNewAuthority(join(dataDir, "ca"), backup.files);
  await writePrivateFile(localSecretPath(dataDir), backup.joinSecret);
}

/** Where programs of the same host and user find the token for everything. */
export function localSecretPath(dataDir: string): string {
  return join(dataDir, "join-secret");
}

interface AuthorityParts {
  readonly root: Root;
  readonly trusted: ReadonlyMap<string, Buffer>;
  readonly tokens: JoinTokens;
  readonly intermediate: Intermediate;
}

class FileAuthority implements Authority {
  readonly trustDomain: string;
  readonly rootSha256: string;
  readonly tokens: JoinTokens;
  readonly #runtime: Runtime;
  readonly #settings: ControlSettings;
  readonly #dataDir: string;
  readonly #dir: string;
  readonly #root: Root;
  readonly #rateLimit: RateLimit;
  readonly #listeners = new Set<() => void>();
  readonly #check: Timer;
  #trusted: ReadonlyMap<string, Buffer>;
  #intermediate: Intermediate;
  #lastIssue: Promise<unknown> = Promise.resolve();

  constructor(options: AuthorityOptions, dir: string, parts: AuthorityParts) {
    this.#runtime = options.runtime;
    this.#settings = options.settings;
    this.#dataDir = options.dir;
    this.#dir = dir;
    this.#root = parts.root;
    this.#trusted = parts.trusted;
    this.#intermediate = parts.intermediate;
    this.tokens = parts.tokens;
    this.trustDomain = parts.root.trustDomain;
    this.rootSha256 = parts.root.sha256;
    this.#rateLimit = new RateLimit({
      clock: options.runtime.clock,
      burst: options.settings.csrBurst,
      perMinute: options.settings.csrPerMinute,
    });
    this.#check = options.runtime.timers.every(checkPeriodMs, () => this.#checkIntermediate(), {
      background: true,
    });
  }

  roots(): readonly Buffer[] {
    return [this.#root.der, ...this.#trusted.values()];
  }

  bundlePem(): string {
    return this.roots().map(certificatePem).join("");
  }

  onChange(listener: () => void): Subscription {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  async trustRoot(pem: string): Promise<void> {
    const next = new Map(this.#trusted);
    for (const [sha256, der] of readTrustedRoots("the given root", pem)) {
      if (sha256 !== this.rootSha256) next.set(sha256, der);
    }
    await this.#replaceTrusted(next);
  }

  async distrustRoot(rootSha256: string): Promise<void> {
    const next = new Map(this.#trusted);
    if (next.delete(rootSha256)) await this.#replaceTrusted(next);
  }

  async signCsr(csr: Uint8Array, request: SvidRequest): Promise<Svid> {
    const spiffeId = formatSpiffeId(this.trustDomain, request);
    if (!this.#rateLimit.take(spiffeId)) {
      throw new MeshError(
        "csr-rate-limited",
        `${spiffeId} asked for more than ${this.#settings.csrPerMinute} certificates a minute`,
      );
    }
    const { svidTtlMinMs, svidTtlMs } = this.#settings;
    const asked = request.ttlMs ?? svidTtlMs;
    const ttlMs = Math.min(svidTtlMs, Math.max(svidTtlMinMs, asked));
    // One after the other: many agents at once (a restart) may not keep the main thread from its
    // other work, and each request leaves it twice, to verify and to sign.
    const issued = this.#lastIssue.then(async () =>
      this.#issue(spiffeId, await checkSignRequest(csr), ttlMs),
    );
    this.#lastIssue = issued.catch(() => undefined);
    return issued;
  }

  async serverIdentity(names: ServerNames): Promise<ServerIdentity> {
    const keys = await generateKeys();
    const spiffeId = formatSpiffeId(this.trustDomain, controlPlaneIdentity);
    const svid = await this.#issue(spiffeId, keys.publicKey, this.#settings.svidTtlMs, names);
    return {
      ...svid,
      keyPem: privateKeyPem(keys.privateKey),
      chainPem: svid.chain.map(certificatePem).join(""),
      rootsPem: this.bundlePem(),
    };
  }

  async backup(): Promise<AuthorityBackup> {
    const files = await readAuthorityFiles(this.#dir);
    const joinSecret = await readOwnFile(localSecretPath(this.#dataDir));
    if (files === null || joinSecret === null) {
      throw new MeshError("authority-damaged", `${this.#dir} is no longer there`);
    }
    return { files, joinSecret };
  }

  close(): void {
    this.#check.cancel();
    this.#listeners.clear();
  }

  /** Replaces the intermediate when little is left of it; the root's key is read for that only. */
  async renewIntermediate(): Promise<void> {
    const leftMs = this.#intermediate.notAfterMs - this.#runtime.clock.nowMs();
    if (leftMs > intermediateRenewalMs) return;
    const files = await readAuthorityFiles(this.#dir);
    if (files === null) throw new MeshError("authority-damaged", `${this.#dir} is gone`);
    const issuer = rootIssuer(this.#dir, files["root.key"], this.#root);
    const pem = await makeIntermediate(this.#runtime, issuer, this.#root);
    await writeAuthorityFile(this.#dir, "intermediate.pem", pem);
    this.#intermediate = readIntermediate(this.#dir, pem, this.#root);
    this.#runtime.log.info("intermediate certificate renewed", {
      notAfter: new Date(this.#intermediate.notAfterMs).toISOString(),
    });
  }

  #checkIntermediate(): void {
    this.renewIntermediate().catch((error: unknown) => {
      this.#runtime.log.error("the intermediate certificate could not be renewed", {
        error: error instanceof Error ? error.message : String(error),
      });
    });
  }

  async #issue(
    uri: string,
    publicKey: KeyObject,
    ttlMs: number,
    names?: ServerNames,
  ): Promise<Svid> {
    const issuer = this.#intermediate;
    const nowMs = this.#runtime.clock.nowMs();
    // Of a short life the allowance for clocks takes a tenth, or half of it would be over at once.
    const notBeforeMs = nowMs - Math.min(clockSkewMs, ttlMs / 10);
    const notAfterMs = Math.min(nowMs + ttlMs, issuer.notAfterMs, this.#root.notAfterMs);
    const leaf = await buildCertificate({
      issuer,
      publicKey,
      commonName: null,
      serial: this.#runtime.random.bytes(16),
      notBeforeMs,
      notAfterMs,
      uri,
      ...names,
    });
    return { chain: [leaf, issuer.der], spiffeId: uri, notBeforeMs, notAfterMs };
  }

  async #replaceTrusted(next: ReadonlyMap<string, Buffer>): Promise<void> {
    const pem = [...next.values()].map(certificatePem).join("");
    await writeAuthorityFile(this.#dir, "trusted-roots.pem", pem);
    this.#trusted = next;
    for (const listener of this.#listeners) listener();
  }
}

async function foundAuthority(options: AuthorityOptions, dir: string): Promise<AuthorityFiles> {
  const { runtime } = options;
  const trustDomain = options.settings.trustDomain ?? defaultTrustDomain;
  assertTrustDomain(trustDomain);
  const { keyPem, root, issuer } = await makeRoot(runtime, trustDomain);
  const files: AuthorityFiles = {
    "root.key": keyPem,
    "root.crt": root.pem,
    "intermediate.pem": await makeIntermediate(runtime, issuer, root),
    "trusted-roots.pem": "",
    "tokens.json": "[]\n",
  };
  await writeNewAuthority(dir, files);
  runtime.log.info("certificate authority made", { trustDomain, dir });
  return files;
}

function readTokens(dir: string, text: string): TokenRecord[] {
  return understand(join(dir, "tokens.json"), () => JSON.parse(text) as TokenRecord[]);
}

async function openLocalSecret(
  options: AuthorityOptions,
  rootSha256: string,
): Promise<TokenRecord> {
  const path = localSecretPath(options.dir);
  const parts = parseToken((await readOwnFile(path, { secret: true })) ?? "");
  let secret = parts?.secret;
  if (secret === undefined || parts?.id !== localTokenId || parts.rootSha256 !== rootSha256) {
    secret = makeSecret(options.runtime);
    await writePrivateFile(path, `${formatToken({ id: localTokenId, secret, rootSha256 })}\n`);
  }
  return {
    id: localTokenId,
    secretSha256: hashSecret(secret),
    namespaces: [],
    serviceAccounts: [],
    create: true,
    createdMs: options.runtime.clock.nowMs(),
    expiresMs: null,
    description: "programs of this host",
  };
}
