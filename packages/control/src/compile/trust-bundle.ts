// The roots that every proxy trusts, as the secret `bundle`. The agent's own secret is never sent.

import { typeUrls } from "@weft/xds";
import { Secret } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/secret.js";
import { BUNDLE_SECRET } from "./names.ts";
import { type CompiledResource, compiledResource } from "./resource.ts";

/** `rootsPem` holds all roots, one after the other. */
export function compileTrustBundle(rootsPem: string): CompiledResource {
  const secret = Secret.fromPartial({
    name: BUNDLE_SECRET,
    type: {
      $case: "validationContext",
      validationContext: {
        trustedCa: { specifier: { $case: "inlineString", inlineString: rootsPem } },
      },
    },
  });
  const bytes = Secret.encode(secret).finish();
  return compiledResource(typeUrls.secret, BUNDLE_SECRET, bytes, []);
}
