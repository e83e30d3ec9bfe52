// Encodes ClusterLoadAssignments by hand, with the bytes of each endpoint kept: one changed
// endpoint among ten thousand costs one small encoding and one copy. `endpoint-encoder.test.ts`
// holds it to the bytes of the generated codec. envoy/config/endpoint/v3/endpoint.proto

import { ProtoWriter } from "./proto-writer.ts";

/** One endpoint as it is sent. */
export interface EndpointFields {
  readonly address: string;
  readonly port: number;
  /** False: its health is not known, it is used all the same. */
  readonly isHealthy: boolean;
  readonly weight: number;
  /** Dialled with mutual TLS. */
  readonly isMeshed: boolean;
  /** `<namespace>/<name>`; "" when it is not a workload of the mesh. */
  readonly workload: string;
  /** SPIFFE ID; "" when it has none. */
  readonly identity: string;
  /** "" when it has none. */
  readonly version: string;
}

export interface LocalityFields {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  readonly weight: number;
  /** Encoded endpoints, in order. */
  readonly endpoints: readonly Uint8Array[];
}

const HEALTHY = 1;
const TRANSPORT_MATCH = "envoy.transport_socket_match";

/** `envoy.config.endpoint.v3.LbEndpoint`. */
export function encodeEndpoint(fields: EndpointFields): Uint8Array {
  const socket = new ProtoWriter(64).string(2, fields.address).uint(3, fields.port).finish();
  const address = new ProtoWriter(64).bytes(1, socket).finish();
  const endpoint = new ProtoWriter(64).bytes(1, address).finish();
  const writer = new ProtoWriter(384).bytes(1, endpoint);
  if (fields.isHealthy) writer.uint(2, HEALTHY);
  const metadata = encodeMetadata(fields);
  if (metadata.length > 0) writer.bytes(3, metadata);
  return writer.bytes(4, new ProtoWriter(16).uint(1, fields.weight).finish()).finish();
}

/** `envoy.config.endpoint.v3.ClusterLoadAssignment`. */
export function encodeAssignment(name: string, localities: readonly LocalityFields[]): Uint8Array {
  const writer = new ProtoWriter(256).string(1, name);
  for (const locality of localities) writer.bytes(2, encodeLocality(locality));
  return writer.finish();
}

function encodeLocality(locality: LocalityFields): Uint8Array {
  const length = locality.endpoints.reduce((sum, bytes) => sum + bytes.length + 4, 64);
  const place = new ProtoWriter(64);
  if (locality.region !== "") place.string(1, locality.region);
  if (locality.zone !== "") place.string(2, locality.zone);
  if (locality.subZone !== "") place.string(3, locality.subZone);
  const writer = new ProtoWriter(length).bytes(1, place.finish());
  for (const bytes of locality.endpoints) writer.bytes(2, bytes);
  return writer.bytes(3, new ProtoWriter(16).uint(1, locality.weight).finish()).finish();
}

/** `envoy.config.core.v3.Metadata`, its keys sorted. */
function encodeMetadata(fields: EndpointFields): Uint8Array {
  const writer = new ProtoWriter(256);
  const own: [string, string][] = [];
  if (fields.identity !== "") own.push(["identity", fields.identity]);
  if (fields.version !== "") own.push(["version", fields.version]);
  if (fields.workload !== "") own.push(["workload", fields.workload]);
  if (own.length > 0) writer.bytes(1, encodeEntry("dev.weft", encodeStruct(own)));
  if (fields.isMeshed) writer.bytes(1, MESHED_ENTRY);
  return writer.finish();
}

/** `google.protobuf.Struct` of strings. */
function encodeStruct(entries: readonly [string, string][]): Uint8Array {
  const writer = new ProtoWriter(256);
  for (const [key, value] of entries) {
    writer.bytes(1, encodeEntry(key, new ProtoWriter(128).string(3, value).finish()));
  }
  return writer.finish();
}

function encodeEntry(key: string, value: Uint8Array): Uint8Array {
  return new ProtoWriter(key.length + value.length + 16).string(1, key).bytes(2, value).finish();
}

const MESHED_ENTRY = encodeEntry(TRANSPORT_MATCH, encodeStruct([["tlsMode", "mtls"]]));
