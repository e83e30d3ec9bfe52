// The status of a route of any kind (Gateway API `RouteStatus`): what each of its parents says.

import { conditions } from "./condition.ts";
import { controllerNameSchema } from "./gateway-class.ts";
import { parentReferenceSchema } from "./ref.ts";
import { about, list, object, type Static } from "./schema.ts";

const parentStatus = object(
  "What one parent says.",
  {
    parentRef: about(parentReferenceSchema, "The parent, as the route names it."),
    controllerName: controllerNameSchema,
    conditions: conditions("Accepted, ResolvedRefs and Programmed.", { minItems: 1 }),
  },
  { required: ["conditions", "controllerName", "parentRef"] },
);

export type RouteParentStatus = Static<typeof parentStatus>;

const status = object(
  "What became of the route.",
  { parents: list("What each parent says.", parentStatus, { maxItems: 32 }) },
  { required: ["parents"] },
);

export const routeStatusSchema: typeof status = status;
