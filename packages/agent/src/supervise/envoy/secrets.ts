// Hands the workload's SVID and key to its Envoy (SDS), in memory alone; a renewed one reaches it
// at once, without a restart.

import type { Runtime } from "@weft/runtime";
import type { ProxyIdentity } from "@weft/proxy";
import {
  createXdsServer,
  encodeResource,
  type Snapshot,
  typeUrls,
  type XdsPeer,
  type XdsServer,
  type XdsStream,
} from "@weft/xds";
import { Secret } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/secret.js";

/** What compiled resources call it. */
const secretName = "workload";

export class Secrets {
  readonly #server: XdsServer;
  readonly #subscribers = new Set<(snapshot: Snapshot) => void>();
  #snapshot: Snapshot | null = null;

  constructor(runtime: Runtime) {
    const silent = (): void => undefined;
    this.#server = createXdsServer({
      runtime,
      source: {
        subscribe: (_, onSnapshot) => {
          this.#subscribers.add(onSnapshot);
          if (this.#snapshot !== null) onSnapshot(this.#snapshot);
          return { close: () => void this.#subscribers.delete(onSnapshot) };
        },
      },
      events: { onAck: silent, onNack: silent, onApplied: silent, onClose: silent },
    });
  }

  serve(stream: XdsStream, peer: XdsPeer): void {
    this.#server.delta(stream, peer);
  }

  set(identity: ProxyIdentity): void {
    const text = (inlineString: string) => ({
      specifier: { $case: "inlineString" as const, inlineString },
    });
    const secret = Secret.fromPartial({
      name: secretName,
      type: {
        $case: "tlsCertificate",
        tlsCertificate: {
          certificateChain: text(identity.chainPem),
          privateKey: text(identity.keyPem),
        },
      },
    });
    const bytes = Secret.encode(secret).finish();
    const resource = encodeResource(typeUrls.secret, secretName, bytes);
    const resources = new Map([[typeUrls.secret, new Map([[secretName, resource]])]]);
    this.#snapshot = { version: resource.version, resources };
    for (const onSnapshot of this.#subscribers) onSnapshot(this.#snapshot);
  }

  close(): void {
    this.#server.close();
  }
}
