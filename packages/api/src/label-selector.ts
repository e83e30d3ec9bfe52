// LabelSelector: which objects, by their labels.

import { list, map, object, type Static, string } from "./schema.ts";

const requirement = object(
  "A demand on one label.",
  {
    key: string("The label."),
    operator: string("In, NotIn, Exists or DoesNotExist."),
    values: list("The values of In and NotIn.", string("")),
  },
  { required: ["key", "operator"] },
);

export const labelSelectorSchema = object(
  "Objects by their labels; all demands must hold, and none at all matches every object.",
  {
    matchLabels: map("Labels with their exact values.", string("")),
    matchExpressions: list("Further demands.", requirement),
  },
  { atomic: true },
);

export type LabelSelector = Static<typeof labelSelectorSchema>;
