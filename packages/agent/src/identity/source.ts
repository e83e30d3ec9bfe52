// The workload's X.509-SVID: obtained at first contact, renewed at half of its life (± 10 %), kept
// on disk for a start without the control plane. The key is made here and goes to the proxy and to
// that file only.

import type { KeyObject } from "node:crypto";
import { X509Certificate } from "node:crypto";
import { jitter, type Runtime, type Timer } from "@weft/runtime";
import type { SignCertificateResponse } from "@weft/xds/messages/weft/v1/identity.js";
import { createKeyAndRequest } from "./csr.ts";

/** PEM throughout; what the proxy's `setIdentity` takes. */
export interface Identity {
  readonly keyPem: string;
  readonly chainPem: string;
  readonly rootsPem: string;
  readonly spiffeId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface IdentitySourceOptions {
  readonly runtime: Runtime;
  /** One CSR call; rejects when the control plane is away or refuses. */
  readonly sign: (csr: Uint8Array) => Promise<SignCertificateResponse>;
  readonly onIdentity: (identity: Identity) => void;
}

const retryFirstMs = 500;
const retryMaxMs = 30_000;

export class IdentitySource {
  readonly #options: IdentitySourceOptions;
  #current: Identity | null = null;
  #timer: Timer | null = null;
  #retryMs = retryFirstMs;
  #isClosed = false;

  constructor(options: IdentitySourceOptions) {
    this.#options = options;
  }

  get current(): Identity | null {
    return this.#current;
  }

  /** Takes an SVID from disk when it is still good for a while; answers whether it was. */
  adopt(identity: Identity): boolean {
    if (identity.notAfterMs - this.#options.runtime.clock.nowMs() < 60_000) return false;
    this.#use(identity);
    return true;
  }

  /** One attempt. Rejects with what the control plane said. */
  async renew(): Promise<Identity> {
    const { privateKey, csr } = createKeyAndRequest();
    const answer = await this.#options.sign(csr);
    const identity = toIdentity(privateKey, answer);
    if (!this.#isClosed) this.#use(identity);
    return identity;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #use(identity: Identity): void {
    this.#current = identity;
    this.#retryMs = retryFirstMs;
    this.#options.onIdentity(identity);
    const { clock, random } = this.#options.runtime;
    const halfLifeMs = (identity.notAfterMs - identity.notBeforeMs) / 2;
    const dueMs = identity.notBeforeMs + jitter(random, halfLifeMs, 0.1);
    // A timer cannot be set further than 2^31 − 1 ms; leaves are far younger.
    this.#schedule(Math.min(Math.max(0, dueMs - clock.nowMs()), 2_000_000_000));
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    const { runtime } = this.#options;
    this.#timer = runtime.timers.after(delayMs, () => void this.#renewOrRetry(), {
      background: true,
    });
  }

  async #renewOrRetry(): Promise<void> {
    const { runtime } = this.#options;
    try {
      const identity = await this.renew();
      runtime.log.info("renewed the SVID", { spiffeId: identity.spiffeId });
    } catch (error) {
      if (this.#isClosed) return;
      const message = error instanceof Error ? error.message : String(error);
      runtime.log.warn("could not renew the SVID; trying again", { reason: message });
      this.#schedule(jitter(runtime.random, this.#retryMs, 0.5));
      this.#retryMs = Math.min(this.#retryMs * 2, retryMaxMs);
    }
  }
}

function toIdentity(key: KeyObject, answer: SignCertificateResponse): Identity {
  return {
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    chainPem: answer.chain.map(toPem).join(""),
    rootsPem: answer.roots.map(toPem).join(""),
    spiffeId: answer.spiffeId,
    notBeforeMs: Number(answer.notBefore) * 1000,
    notAfterMs: Number(answer.notAfter) * 1000,
  };
}

function toPem(der: Uint8Array): string {
  return new X509Certificate(Buffer.from(der)).toString();
}

export function encodeIdentity(identity: Identity): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(identity));
}

/** Null when the bytes are not what `encodeIdentity` wrote. */
export function decodeIdentity(bytes: Uint8Array): Identity | null {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Identity>;
    const { keyPem, chainPem, rootsPem, spiffeId, notBeforeMs, notAfterMs } = value;
    if (typeof keyPem !== "string" || typeof chainPem !== "string") return null;
    if (typeof rootsPem !== "string" || typeof spiffeId !== "string") return null;
    if (typeof notBeforeMs !== "number" || typeof notAfterMs !== "number") return null;
    return { keyPem, chainPem, rootsPem, spiffeId, notBeforeMs, notAfterMs };
  } catch {
    return null;
  }
}
