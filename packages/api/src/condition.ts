// Conditions of a status (`metav1.Condition`): observed facts with a reason, one per type.

import { SUBDOMAIN } from "./name.ts";
import {
  choice,
  dateTime,
  int64,
  list,
  object,
  type Schema,
  type Static,
  string,
} from "./schema.ts";

const CONDITION_TYPE = `^(${SUBDOMAIN}/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`;

export const conditionSchema = object(
  "One observed fact about the object.",
  {
    type: string("What is observed, e.g. Accepted.", { maxLength: 316, pattern: CONDITION_TYPE }),
    status: choice("Whether it holds.", ["True", "False", "Unknown"]),
    observedGeneration: int64("The metadata.generation it was observed at.", { minimum: 0 }),
    lastTransitionTime: dateTime("When status last changed."),
    reason: string("Why, in one word in CamelCase.", {
      minLength: 1,
      maxLength: 1024,
      pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    }),
    message: string("Why, in a sentence for people; may be empty.", { maxLength: 32768 }),
  },
  { required: ["lastTransitionTime", "message", "reason", "status", "type"] },
);

export type Condition = Static<typeof conditionSchema>;

/** A list of conditions with one per type. */
export function conditions(
  description: string,
  options: {
    readonly maxItems?: number;
    readonly minItems?: number;
    readonly default?: unknown;
    /** For strategic merge patch, on Kubernetes' own kinds. */
    readonly mergeKey?: string;
  } = {},
): Schema<Condition[]> {
  const limits = { maxItems: 8, ...options };
  return list(description, conditionSchema, { listType: "map", keys: ["type"], ...limits });
}

export function findCondition(
  list: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return list?.find((condition) => condition.type === type);
}

/** The list with this condition in it; lastTransitionTime moves only when status changes. */
export function withCondition(
  list: readonly Condition[] | undefined,
  condition: Omit<Condition, "lastTransitionTime">,
  nowMs: number,
): Condition[] {
  const before = findCondition(list, condition.type);
  const lastTransitionTime =
    before !== undefined && before.status === condition.status
      ? before.lastTransitionTime
      : formatTime(nowMs);
  const next: Condition = { ...condition, lastTransitionTime };
  if (before === undefined) return [...(list ?? []), next];
  return (list ?? []).map((one) => (one.type === condition.type ? next : one));
}

/** RFC 3339 in whole seconds, the form of every Kubernetes timestamp. */
export function formatTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
