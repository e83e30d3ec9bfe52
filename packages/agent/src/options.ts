// What a workload's agent is told: the flags of `weft run` and `weft sidecar`, resolved.

import type { Inheritance, Runtime } from "@weft/runtime";
import type { CaptureOptions } from "./capture/options.ts";
import type { Handover } from "./upgrade/handover.ts";
import type { NameServer } from "./dns/resolv-conf.ts";

export type WorkloadProtocol = "http" | "http2" | "grpc" | "tcp";

/** `--upstream S[.N][:PORT]`. */
export interface UpstreamOption {
  /** As written on the flag; names the environment variable. */
  readonly written: string;
  readonly service: string;
  readonly namespace: string;
  readonly port: number | null;
}

/** `--proxy envoy`. */
export interface EnvoyOptions {
  /** `--envoy-path`. */
  readonly file: string | null;
  /** Where else it is looked for. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface AgentOptions {
  readonly runtime: Runtime;
  readonly dataDir: string;
  /** `host:port` of the control plane's gRPC port. */
  readonly control: string;
  readonly tokenFile: string | null;
  readonly namespace: string;
  readonly service: string;
  readonly serviceAccount: string;
  readonly version: string;
  /** The program's own port; null: client-only. */
  readonly port: number | null;
  readonly protocol: WorkloadProtocol;
  readonly upstreams: readonly UpstreamOption[];
  readonly healthPath: string | null;
  /** Null: 127.0.0.1 when the control plane is on loopback, else this host's address towards it. */
  readonly address: string | null;
  readonly appAddress: string;
  readonly concurrency: number;
  readonly drainMs: number;
  /** What this process may use. */
  readonly memoryLimitBytes: number;
  /** Start the program without waiting for SVID and snapshot. */
  readonly noWait: boolean;
  /** The real Envoy in the built-in proxy's place; null: the built-in one. */
  readonly envoy: EnvoyOptions | null;
  /** `--transparent`; null: programs reach the mesh by proxy variables and loopback ports. */
  readonly capture: CaptureOptions | null;
  /** What the capture found out: the program can be shown its callers' addresses. Default false. */
  readonly keepsClientAddress?: boolean;
  /** Lives for one command: registered in memory only, leaves nothing on disk. */
  readonly ephemeral: boolean;
  /** Asked for names outside the mesh; null: those of /etc/resolv.conf. */
  readonly nameServers: readonly NameServer[] | null;
  /** Keep decision records for `weft request`. */
  readonly explain: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: { readonly region: string; readonly zone: string };
  readonly weight: number;
  /** Version of Weft itself, "MAJOR.MINOR.PATCH". */
  readonly weftVersion: string;
  /** Listening sockets of the process before this one, and for the next. */
  readonly inheritance?: Inheritance;
  /** From the process before this one; null for the first. */
  readonly handover?: Handover | null;
  /** Resolves when that process answers and accepts for this one no longer. */
  readonly takeOver?: () => Promise<void>;
}
