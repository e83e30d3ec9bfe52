// The gRPC port (7071): xDS, certificates and agents behind one TLS identity, which is renewed in
// time and whenever the roots change.

import { isIpAddress } from "@weft/api";
import type { Runtime, Timer } from "@weft/runtime";
import { createXdsServer, type XdsServer } from "@weft/xds";
import { type GrpcServer, openGrpcServer } from "@weft/xds/grpc";
import type { Authority, ServerIdentity, ServerNames } from "../ca/authority.ts";
import { MeshError } from "../errors.ts";
import type { Publisher } from "../publish/publisher.ts";
import type { Registry } from "../registry/registry.ts";
import { authorisedSource } from "./authorised-source.ts";
import { signCertificate } from "./sign-certificate.ts";

export interface GrpcPortOptions {
  readonly runtime: Runtime;
  /** `host:port`; port 0 for a free one. */
  readonly listen: string;
  readonly authority: Authority;
  readonly publisher: Publisher;
  readonly registry: Registry;
  readonly onSigned: (outcome: string) => void;
}

export interface GrpcPort {
  /** `host:port` as bound. */
  readonly address: string;
  readonly xds: Pick<XdsServer, "figures" | "report">;
  /** When the certificate in use ends. */
  certNotAfterMs(): number;
  close(): Promise<void>;
}

/** A timer cannot wait longer than 2^31 − 1 ms. */
const timerMaxMs = 2_000_000_000;
const renewalRetryMs = 30_000;

/** Throws `port-taken` or `address-unusable`. */
export async function openGrpcPort(options: GrpcPortOptions): Promise<GrpcPort> {
  const { runtime, authority, publisher, registry } = options;
  const names = serverNames(options.listen);
  const identity = await authority.serverIdentity(names);
  const source = authorisedSource(publisher, authority.trustDomain);
  const xds = createXdsServer({ runtime, source, events: publisher });
  const signing = { log: runtime.log, authority, onOutcome: options.onSigned };
  const server = await listen({
    runtime,
    listen: options.listen,
    identity,
    handlers: {
      deltaAds: (stream, peer) => xds.delta(stream, peer),
      sotwAds: (stream, peer) => xds.sotw(stream, peer),
      attach: (stream, peer) => registry.attach(stream, peer),
      signCertificate: (request, peer) => signCertificate(signing, request, peer),
    },
  }).catch((error: unknown) => {
    xds.close();
    throw error;
  });
  const renewal = new IdentityRenewal(runtime, authority, names, server, identity);
  return {
    address: server.address,
    xds,
    certNotAfterMs: () => renewal.notAfterMs,
    async close() {
      renewal.close();
      xds.close();
      await server.close();
    },
  };
}

/** Renews the port's certificate at half of its life and at every change of the roots. */
class IdentityRenewal {
  readonly #runtime: Runtime;
  readonly #authority: Authority;
  readonly #names: ServerNames;
  readonly #server: GrpcServer;
  readonly #subscription: { close(): void };
  #timer: Timer | null = null;
  #isClosed = false;
  notAfterMs: number;

  constructor(
    runtime: Runtime,
    authority: Authority,
    names: ServerNames,
    server: GrpcServer,
    first: ServerIdentity,
  ) {
    this.#runtime = runtime;
    this.#authority = authority;
    this.#names = names;
    this.#server = server;
    this.#subscription = authority.onChange(() => void this.#renew());
    this.notAfterMs = first.notAfterMs;
    this.#schedule((first.notAfterMs - runtime.clock.nowMs()) / 2);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#subscription.close();
  }

  #schedule(afterMs: number): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    const delayMs = Math.min(Math.max(afterMs, 0), timerMaxMs);
    this.#timer = this.#runtime.timers.after(delayMs, () => void this.#renew(), {
      background: true,
    });
  }

  async #renew(): Promise<void> {
    try {
      const identity = await this.#authority.serverIdentity(this.#names);
      if (this.#isClosed) return;
      this.#server.setIdentity(identity);
      this.notAfterMs = identity.notAfterMs;
      this.#schedule((identity.notAfterMs - this.#runtime.clock.nowMs()) / 2);
    } catch (error) {
      this.#runtime.log.error("the control plane's certificate could not be renewed", {
        reason: error instanceof Error ? error.message : String(error),
      });
      this.#schedule(renewalRetryMs);
    }
  }
}

async function listen(options: Parameters<typeof openGrpcServer>[0]): Promise<GrpcServer> {
  try {
    return await openGrpcServer(options);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "EADDRINUSE") {
      throw new MeshError("port-taken", `the address ${options.listen} is taken`, {
        hint: "Stop the process that has it, or choose another with --xds HOST:PORT.",
        cause,
      });
    }
    const why = code ?? (cause instanceof Error ? cause.message : String(cause));
    throw new MeshError("address-unusable", `cannot listen on ${options.listen} (${why})`, {
      hint: "Give an address of this machine with --xds HOST:PORT.",
      cause,
    });
  }
}

/** What a TLS client that goes by names may call this port: agents go by the SPIFFE ID alone. */
function serverNames(listen: string): ServerNames {
  const host = listen.slice(0, listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  const dnsNames = new Set(["localhost"]);
  const ipAddresses = new Set(["127.0.0.1", "::1"]);
  if (isIpAddress(host)) {
    if (host !== "::" && !/^0\.0\.0\.0$/.test(host)) ipAddresses.add(host);
  } else if (host !== "") dnsNames.add(host);
  return { dnsNames: [...dnsNames], ipAddresses: [...ipAddresses] };
}
