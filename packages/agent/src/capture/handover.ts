// What an agent hands on of its capture in a hot upgrade (decision 0054).

import type { GuardHandle } from "./guard.ts";
import type { ProgramCgroup } from "./program-cgroup.ts";
import type { AgentMark } from "./rule-set.ts";

export interface CaptureHandover {
  /** By which the rules know the agent's sockets: bridge and heir open theirs under the same. */
  readonly agent: AgentMark;
  /** Null for the bridge, which owns nothing. */
  readonly owned: OwnedCapture | null;
}

export interface OwnedCapture {
  readonly table: string;
  /** How the program, which runs on, is known: one of the two, or neither (`weft sidecar`). */
  readonly cgroup: ProgramCgroup | null;
  readonly uid: number | null;
  /** Takes everything away when nobody holds its pipe any more. */
  readonly guard: GuardHandle;
}
