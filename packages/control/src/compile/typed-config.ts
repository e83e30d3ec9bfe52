// Small pieces that every Envoy resource is made of. Keys of maps are sorted, so that equal content
// has equal bytes.

import type { SdsSecretConfig } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/secret.js";
import {
  ApiConfigSource_ApiType,
  ConfigSource,
} from "@weft/xds/messages/envoy/config/core/v3/config_source.js";
import { Metadata } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import { Address } from "@weft/xds/messages/envoy/config/core/v3/address.js";
import type { Any } from "@weft/xds/messages/google/protobuf/any.js";
import type { Duration } from "@weft/xds/messages/google/protobuf/duration.js";
import { AGENT_CLUSTER } from "./names.ts";

/** What can stand in `metadata.filter_metadata["dev.weft"]`. */
export type MetadataValue =
  | string
  | number
  | boolean
  | null
  | readonly MetadataValue[]
  | { readonly [key: string]: MetadataValue };

const TYPE_PREFIX = "type.googleapis.com/";

/** An Any of the message `type`, e.g. `envoy.extensions.filters.http.router.v3.Router`. */
export function typed(type: string, message: { finish(): Uint8Array } | null): Any {
  const value = message === null ? Buffer.alloc(0) : Buffer.from(message.finish());
  return { typeUrl: TYPE_PREFIX + type, value };
}

export function duration(durationMs: number): Duration {
  const seconds = Math.floor(durationMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((durationMs - seconds * 1000) * 1e6) };
}

/** Metadata with our own section alone. */
export function weftMetadata(fields: { readonly [key: string]: MetadataValue }): Metadata {
  return Metadata.fromPartial({
    filterMetadata: { "dev.weft": sorted(fields) as Record<string, unknown> },
  });
}

export function socketAddress(address: string, port: number): Address {
  return Address.fromPartial({
    address: {
      $case: "socketAddress",
      socketAddress: { address, portSpecifier: { $case: "portValue", portValue: port } },
    },
  });
}

/** From the same stream, as version 3. */
export const fromAds: ConfigSource = ConfigSource.fromPartial({
  configSourceSpecifier: { $case: "ads", ads: {} },
  resourceApiVersion: 2,
});

/** Of the agent beside the proxy, which an Envoy's bootstrap knows as a cluster. */
export const fromAgent: ConfigSource = ConfigSource.fromPartial({
  configSourceSpecifier: {
    $case: "apiConfigSource",
    apiConfigSource: {
      apiType: ApiConfigSource_ApiType.DELTA_GRPC,
      transportApiVersion: 2,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [
        { targetSpecifier: { $case: "envoyGrpc", envoyGrpc: { clusterName: AGENT_CLUSTER } } },
      ],
    },
  },
  resourceApiVersion: 2,
});

/** A secret by name. */
export function secretNamed(name: string, source: ConfigSource): SdsSecretConfig {
  return { name, sdsConfig: source };
}

function sorted(value: MetadataValue): unknown {
  if (Array.isArray(value)) return value.map((one) => sorted(one as MetadataValue));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one as MetadataValue)]));
}
