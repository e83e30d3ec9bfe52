// The built-in proxy: in this process, and its agent speaks xDS for it.

import { openProxy, type ProxyHandle, type ProxyOptions } from "@weft/proxy";
import { createXdsClient, type XdsClient } from "@weft/xds";
import type { ProxyLink, SupervisedProxy } from "./data-plane.ts";

const backoff = { firstMs: 500, maxMs: 5_000 } as const;

export async function openBuiltin(
  options: ProxyOptions,
  weftVersion: string,
  link: ProxyLink,
): Promise<SupervisedProxy> {
  const plane = await openProxy(options);
  let client: XdsClient | null = null;
  return {
    kind: "builtin",
    version: weftVersion,
    plane,
    link(isUp) {
      // The client comes back to the control plane by itself.
      if (isUp) client ??= subscribe(options, plane, link);
    },
    unlink() {
      client?.close();
    },
  };
}

function subscribe({ runtime }: ProxyOptions, plane: ProxyHandle, link: ProxyLink): XdsClient {
  const client = createXdsClient({
    runtime,
    node: link.nodeOf("builtin", plane.ports),
    connect: link.connect,
    handler: plane.xdsHandler,
    held: plane.heldVersions(),
    backoff,
  });
  plane.attach(client);
  return client;
}
