// Lets a client have the configuration of its own identity only: the node it names must be covered
// by the certificate it shows.

import { refuseNode, type SnapshotSource, StatusCode } from "@weft/xds";
import { parseSpiffeId } from "../ca/spiffe-id.ts";

export function authorisedSource(source: SnapshotSource, trustDomain: string): SnapshotSource {
  return {
    subscribe(client, onSnapshot) {
      const refusal = refuseNode(client.node, client.peer);
      if (refusal !== null) return refusal;
      const { spiffeId } = client.peer;
      if (spiffeId === null || parseSpiffeId(spiffeId, trustDomain) === null) {
        const message = `${spiffeId ?? "nobody"} is no workload of the trust domain ${trustDomain}`;
        return { refused: { code: StatusCode.permissionDenied, message } };
      }
      return source.subscribe(client, onSnapshot);
    },
  };
}
