// TCPRoute (Gateway API v1, standard channel): where the connections to a port go. In the mesh it
// attaches to Services (GAMMA).

import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { GATEWAY_GROUP } from "./ref.ts";
import { parentRefsSchema, streamRulesSchema } from "./route-parts.ts";
import { routeStatusSchema } from "./route-status.ts";
import { object, type Static } from "./schema.ts";

const spec = object(
  "Where connections go.",
  { parentRefs: parentRefsSchema, rules: streamRulesSchema },
  { required: ["rules"] },
);

const schema = kindSchema(
  "gateway.networking.k8s.io/v1",
  "TCPRoute",
  "Which connections to a Gateway or Service go where.",
  { spec, status: routeStatusSchema },
  { required: ["spec"] },
);

export type TcpRoute = Static<typeof schema>;

export const tcpRouteKind: KindInfo<TcpRoute> = defineKind({
  schema,
  group: GATEWAY_GROUP,
  version: "v1",
  otherVersions: ["v1alpha2"],
  kind: "TCPRoute",
  plural: "tcproutes",
  categories: ["gateway-api"],
  namespaced: true,
});
