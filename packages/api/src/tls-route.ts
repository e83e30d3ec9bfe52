// TLSRoute (Gateway API v1, standard channel): where TLS connections go by the name that their
// ClientHello asks for (SNI), without being decrypted. In the mesh it attaches to Services (GAMMA).

import { defineKind, kindSchema } from "./define-kind.ts";
import type { Reporter } from "./field-error.ts";
import { isIpAddress } from "./format.ts";
import type { KindInfo } from "./kind.ts";
import { hostname } from "./name.ts";
import { GATEWAY_GROUP } from "./ref.ts";
import { parentRefsSchema, streamRulesSchema } from "./route-parts.ts";
import { routeStatusSchema } from "./route-status.ts";
import { list, object, type Static, withRules } from "./schema.ts";

const spec = object(
  "Which connections, by server name, and where they go.",
  {
    parentRefs: parentRefsSchema,
    hostnames: withRules(
      list("Server names it is for.", hostname(""), { minItems: 1, maxItems: 1024 }),
      checkServerNames,
    ),
    rules: streamRulesSchema,
  },
  { required: ["hostnames", "rules"] },
);

const schema = kindSchema(
  "gateway.networking.k8s.io/v1",
  "TLSRoute",
  "Which TLS connections to a Gateway or Service go where, by server name.",
  { spec, status: routeStatusSchema },
  { required: ["spec"] },
);

export type TlsRoute = Static<typeof schema>;

export const tlsRouteKind: KindInfo<TlsRoute> = defineKind({
  schema,
  group: GATEWAY_GROUP,
  version: "v1",
  otherVersions: ["v1alpha3"],
  kind: "TLSRoute",
  plural: "tlsroutes",
  categories: ["gateway-api"],
  namespaced: true,
});

/** RFC 6066 section 3: a server name is never an address. */
function checkServerNames(names: readonly string[], report: Reporter): void {
  names.forEach((name, index) => {
    if (isIpAddress(name)) report.invalid(`[${index}]`, name, "must be a name, not an address");
  });
}
