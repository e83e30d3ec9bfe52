// What a process tells the one that takes its place in a hot upgrade (decision 0044), through one
// environment variable. There are two such moments: the old process starts a bridge, which serves
// while the old one drains; then the old process becomes the new program, the heir, and the bridge
// drains.

import type { CaptureHandover } from "../capture/handover.ts";

export const handoverVariable = "WEFT_HANDOVER";

export interface Handover {
  readonly role: "bridge" | "heir";
  /** The workload's folder, which stays the old process's. */
  readonly folder: string;
  readonly health: { readonly isReady: boolean; readonly message: string };
  /** Null without `--transparent`. */
  readonly capture: CaptureHandover | null;
  /** Listening sockets: name → descriptor. */
  readonly sockets: Readonly<Record<string, number>>;
  /** Descriptor of the socket between the two processes. */
  readonly lifeline: number;
  /** Of another one, for sockets that were opened since. */
  readonly passage: number;
  /** Heir: the program that goes on running; null when there is none. */
  readonly program: RunningProgram | null;
  /** Heir: the bridge's process. */
  readonly bridgePid: number;
}

export interface RunningProgram {
  readonly pid: number;
  /** The shell that ends the program when nobody holds the descriptor any more. */
  readonly guard: { readonly pid: number; readonly fd: number } | null;
}

/** Null without one. Throws when it is not what `writeHandover` writes. */
export function readHandover(
  environment: Readonly<Record<string, string | undefined>>,
): Handover | null {
  const text = environment[handoverVariable];
  if (text === undefined) return null;
  const value = JSON.parse(text) as Handover;
  if (value.role !== "bridge" && value.role !== "heir") throw new Error("no such role");
  return value;
}

/** The environment of the process that takes the place. */
export function writeHandover(
  environment: Readonly<Record<string, string | undefined>>,
  handover: Handover,
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined) out[name] = value;
  }
  out[handoverVariable] = JSON.stringify(handover);
  return out;
}
