// What must hold before a write, said once for all drivers.

import { StoreError, type StoredObject } from "./store.ts";

/** A wish to write; what it needs to find is checked against what stands there. */
export type Wish =
  | { readonly type: "create"; readonly key: string; readonly value: Uint8Array }
  | {
      readonly type: "update";
      readonly key: string;
      readonly value: Uint8Array;
      readonly expectedRevision: number;
    }
  | { readonly type: "delete"; readonly key: string; readonly expectedRevision: number };

/** Null when the wish may be granted. */
export function refuseWish(
  wish: Wish,
  standing: Pick<StoredObject, "modRevision"> | null,
): StoreError | null {
  if (wish.type === "create") {
    return standing === null ? null : new StoreError("exists", `${wish.key} already exists`);
  }
  if (standing === null) return new StoreError("not-found", `${wish.key} does not exist`);
  const expected = wish.expectedRevision;
  if (wish.type === "delete" && expected === 0) return null;
  if (standing.modRevision === expected) return null;
  return new StoreError(
    "conflict",
    `${wish.key} is at revision ${standing.modRevision}, not ${expected}`,
  );
}
