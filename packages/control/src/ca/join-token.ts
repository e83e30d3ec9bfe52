// Join tokens: how an agent proves at first contact that it may have an identity. Written
// `weft1.<id>.<secret>.<sha256 of the root's public key>`; the last part lets the agent know the
// control plane before it holds any root.

import { createHash, timingSafeEqual } from "node:crypto";
import type { Runtime } from "@weft/runtime";
import { MeshError } from "../errors.ts";
import { systemNamespace, type WorkloadIdentity } from "./spiffe-id.ts";

/** What a token may be used for; an empty list stands for every one. */
export interface TokenLimits {
  readonly namespaces: readonly string[];
  readonly serviceAccounts: readonly string[];
  /** May registrations make the Namespace, ServiceAccount and Service that are missing? */
  readonly create: boolean;
}

/** A token as the control plane remembers it: never its secret, only a hash. */
export interface TokenRecord extends TokenLimits {
  readonly id: string;
  readonly secretSha256: string;
  readonly createdMs: number;
  /** Null: until it is deleted. */
  readonly expiresMs: number | null;
  readonly description: string;
}

interface TokenRequest extends TokenLimits {
  readonly ttlMs: number | null;
  readonly description: string;
}

export interface TokenParts {
  readonly id: string;
  readonly secret: string;
  readonly rootSha256: string;
}

/** The id of the secret file in the data directory, which is a token for everything. */
export const localTokenId = "local";

export interface JoinTokens {
  /** The token itself is answered once and kept nowhere. */
  create(request: TokenRequest): Promise<{ token: string; record: TokenRecord }>;
  /**
   * The record of a token that is known and still valid; throws `token-invalid` or `token-expired`.
   */
  check(token: string): TokenRecord;
  list(): readonly TokenRecord[];
  /** Throws `token-unknown`. */
  delete(id: string): Promise<void>;
}

export interface JoinTokensOptions {
  readonly runtime: Runtime;
  readonly rootSha256: string;
  readonly local: TokenRecord;
  readonly records: readonly TokenRecord[];
  /** Writes all records (not the local one) durably. */
  readonly save: (records: readonly TokenRecord[]) => Promise<void>;
}

export function formatToken(parts: TokenParts): string {
  return `weft1.${parts.id}.${parts.secret}.${parts.rootSha256}`;
}

export function parseToken(text: string): TokenParts | null {
  const match = /^weft1\.([a-z0-9]{1,32})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})$/.exec(text.trim());
  if (match === null) return null;
  const [, id = "", secret = "", rootSha256 = ""] = match;
  return { id, secret, rootSha256 };
}

/** May this token stand for the identity? Never for one of the mesh itself. */
export function tokenAllows(limits: TokenLimits, identity: WorkloadIdentity): boolean {
  if (identity.namespace === systemNamespace) return false;
  return (
    isAmong(limits.namespaces, identity.namespace) &&
    isAmong(limits.serviceAccounts, identity.serviceAccount)
  );
}

export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** 256 bits, in the alphabet a token allows. */
export function makeSecret(runtime: Runtime): string {
  return Buffer.from(runtime.random.bytes(32)).toString("base64url");
}

export function openJoinTokens(options: JoinTokensOptions): JoinTokens {
  const { runtime, rootSha256, local } = options;
  let records: ReadonlyMap<string, TokenRecord> = new Map(
    options.records.map((record) => [record.id, record]),
  );
  let lastChange: Promise<unknown> = Promise.resolve();
  // One change after the other: each starts from what the one before has saved.
  const change = (make: () => ReadonlyMap<string, TokenRecord>): Promise<void> => {
    const done = lastChange.then(async () => {
      const next = make();
      await options.save([...next.values()]);
      records = next;
    });
    lastChange = done.catch(() => undefined);
    return done;
  };
  return {
    async create(request) {
      const secret = makeSecret(runtime);
      const id = makeId(runtime, records);
      const nowMs = runtime.clock.nowMs();
      const record: TokenRecord = {
        id,
        secretSha256: hashSecret(secret),
        namespaces: request.namespaces,
        serviceAccounts: request.serviceAccounts,
        create: request.create,
        createdMs: nowMs,
        expiresMs: request.ttlMs === null ? null : nowMs + request.ttlMs,
        description: request.description,
      };
      await change(() => {
        const kept = [...records].filter(([, one]) => !isExpired(one, nowMs));
        return new Map([...kept, [id, record]]);
      });
      return { token: formatToken({ id, secret, rootSha256 }), record };
    },
    check(token) {
      const parts = parseToken(token);
      if (parts === null) {
        throw new MeshError("token-invalid", "the join token is not of the form weft1.….….…");
      }
      if (parts.rootSha256 !== rootSha256) {
        throw new MeshError(
          "token-invalid",
          `join token ${parts.id} was made by another control plane`,
        );
      }
      const record = parts.id === localTokenId ? local : records.get(parts.id);
      // An unknown id is compared as well, so that the time taken does not tell which ids exist.
      const isRight = isSameHash(hashSecret(parts.secret), (record ?? local).secretSha256);
      if (record === undefined || !isRight) {
        throw new MeshError("token-invalid", `join token ${parts.id} is not known here`);
      }
      if (isExpired(record, runtime.clock.nowMs())) {
        throw new MeshError("token-expired", `join token ${parts.id} has expired`);
      }
      return record;
    },
    list: () => [...records.values()],
    delete: (id) =>
      change(() => {
        if (!records.has(id)) throw new MeshError("token-unknown", `there is no token ${id}`);
        return new Map([...records].filter(([other]) => other !== id));
      }),
  };
}

function isAmong(allowed: readonly string[], name: string): boolean {
  return allowed.length === 0 || allowed.includes(name);
}

function isExpired(record: TokenRecord, nowMs: number): boolean {
  return record.expiresMs !== null && record.expiresMs <= nowMs;
}

function isSameHash(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left, "hex"), Buffer.from(right, "hex"));
}

function makeId(runtime: Runtime, taken: ReadonlyMap<string, TokenRecord>): string {
  const letters = "bcdfghjkmnpqrstvwxz23456789";
  for (;;) {
    let id = "";
    for (let i = 0; i < 8; i++) id += letters[runtime.random.integer(letters.length)] ?? "b";
    if (!taken.has(id)) return id;
  }
}
