// What the main thread and the store's worker say to each other.

import type { Migrations } from "./sqlite-file.ts";

export interface WorkerOptions {
  readonly file: string;
  readonly migrations: Migrations;
  readonly bytesMax: number;
}

/** One row of the log; a null value is a delete. */
export interface LogRow {
  readonly revision: number;
  readonly key: string;
  readonly createRevision: number;
  readonly value: Uint8Array | null;
}

export type WorkerRequest =
  | { readonly type: "commit"; readonly rows: readonly LogRow[] }
  | { readonly type: "compact"; readonly revision: number }
  | { readonly type: "probe" }
  | { readonly type: "backup"; readonly id: number; readonly file: string }
  | { readonly type: "close" };

export type WorkerReply =
  /** Live objects in key order at the compacted revision, then the log after it in order. */
  | { readonly type: "rows"; readonly rows: readonly LogRow[]; readonly isHistory: boolean }
  | { readonly type: "opened"; readonly revision: number; readonly compacted: number }
  | { readonly type: "refused"; readonly message: string }
  | { readonly type: "committed" }
  /** Nothing of the commit was kept. `isLasting`: no later write can succeed either. */
  | { readonly type: "failed"; readonly message: string; readonly isLasting: boolean }
  | { readonly type: "writable"; readonly reason: string | null; readonly isLasting: boolean }
  | {
      readonly type: "backed-up";
      readonly id: number;
      readonly revision: number;
      readonly error: string | null;
    }
  | { readonly type: "closed" };
