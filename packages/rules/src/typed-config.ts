// Extension configuration: a message inside an Any.

import type { Any } from "@weft/xds/messages/google/protobuf/any.js";

/** `envoy.extensions.filters.http.router.v3.Router`; "" when there is none. */
export function typeName(message: Any | undefined): string {
  const url = message?.typeUrl ?? "";
  return url.slice(url.lastIndexOf("/") + 1);
}
