// Which endpoints a cluster needs. After any update of a cluster Envoy waits for its
// ClusterLoadAssignment, even an unchanged one (envoy#13009), so the server must know the pair
// without decoding whole clusters.

import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { EncodedResource } from "./snapshot.ts";

const names = new WeakMap<EncodedResource, { readonly edsName: string | null }>();

/** The name of the cluster's endpoints resource; null when it does not use EDS. */
export function edsNameOf(cluster: EncodedResource): string | null {
  let found = names.get(cluster);
  if (found === undefined) {
    found = { edsName: readEdsName(cluster) };
    names.set(cluster, found);
  }
  return found.edsName;
}

/** google.protobuf.Any.value = 2; Cluster.type = 2 (EDS = 3), Cluster.eds_cluster_config = 3. */
function readEdsName(resource: EncodedResource): string | null {
  const cluster = readBytes(resource.any, 2);
  if (cluster === null) return null;
  let isEds = false;
  let serviceName = "";
  const reader = new BinaryReader(cluster);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 16) isEds = reader.int32() === 3;
    else if (tag === 26) serviceName = readServiceName(reader.bytes());
    else reader.skip(tag & 7);
  }
  if (!isEds) return null;
  return serviceName === "" ? resource.name : serviceName;
}

/** Cluster.EdsClusterConfig.service_name = 2. */
function readServiceName(config: Uint8Array): string {
  const bytes = readBytes(config, 2);
  return bytes === null ? "" : Buffer.from(bytes).toString("utf8");
}

/** The last length-delimited field of that number. */
function readBytes(message: Uint8Array, field: number): Uint8Array | null {
  let found: Uint8Array | null = null;
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === (field << 3) + 2) found = reader.bytes();
    else reader.skip(tag & 7);
  }
  return found;
}
