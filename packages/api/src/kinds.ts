// The table of kinds. The next kind is one file and one row here.

import { configMapKind } from "./config-map.ts";
import { endpointSliceKind } from "./endpoint-slice.ts";
import { eventKind } from "./event.ts";
import { gatewayKind } from "./gateway.ts";
import { gatewayClassKind } from "./gateway-class.ts";
import { grpcRouteKind } from "./grpc-route.ts";
import { httpRouteKind } from "./http-route.ts";
import type { KindInfo, ObjectOfKind } from "./kind.ts";
import { meshConfigKind } from "./mesh-config.ts";
import { namespaceKind } from "./namespace.ts";
import { peerAuthenticationKind } from "./peer-authentication.ts";
import { referenceGrantKind } from "./reference-grant.ts";
import { secretKind } from "./secret.ts";
import { selfSubjectAccessReviewKind } from "./self-subject-access-review.ts";
import { serviceKind } from "./service.ts";
import { serviceAccountKind } from "./service-account.ts";
import { tcpRouteKind } from "./tcp-route.ts";
import { tlsRouteKind } from "./tls-route.ts";
import { trafficPolicyKind } from "./traffic-policy.ts";
import { workloadKind } from "./workload.ts";

/** Every kind that is stored, by its name. */
export const kinds = {
  Namespace: namespaceKind,
  ServiceAccount: serviceAccountKind,
  Service: serviceKind,
  EndpointSlice: endpointSliceKind,
  Secret: secretKind,
  ConfigMap: configMapKind,
  Event: eventKind,
  Workload: workloadKind,
  TrafficPolicy: trafficPolicyKind,
  PeerAuthentication: peerAuthenticationKind,
  MeshConfig: meshConfigKind,
  GatewayClass: gatewayClassKind,
  Gateway: gatewayKind,
  HTTPRoute: httpRouteKind,
  GRPCRoute: grpcRouteKind,
  TCPRoute: tcpRouteKind,
  TLSRoute: tlsRouteKind,
  ReferenceGrant: referenceGrantKind,
} as const;

/** Kinds that are posted and answered but never stored. */
export const reviews = {
  SelfSubjectAccessReview: selfSubjectAccessReviewKind,
} as const;

export type KindName = keyof typeof kinds;

/** The object type of each stored kind. */
export type ObjectByKind = { [K in KindName]: ObjectOfKind<(typeof kinds)[K]> };

export const storedKinds: readonly KindInfo[] = Object.values(kinds) as readonly KindInfo[];
export const allKinds: readonly KindInfo[] = [
  ...storedKinds,
  ...(Object.values(reviews) as readonly KindInfo[]),
];

/** The kind served at `/apis/<group>/<version>/<plural>`. */
export function findKindByPlural(
  group: string,
  version: string,
  plural: string,
): KindInfo | undefined {
  return allKinds.find((info) => {
    return info.group === group && info.plural === plural && info.versions.includes(version);
  });
}

/** The kind of an object with this apiVersion and kind. */
export function findKind(apiVersion: string, kind: string): KindInfo | undefined {
  return allKinds.find((info) => {
    return info.kind === kind && apiVersionsOf(info).includes(apiVersion);
  });
}

/** What a person types: plural, singular, short name, kind or `plural.group`; in any case. */
export function findKindByWord(word: string): KindInfo | undefined {
  const wanted = word.toLowerCase();
  return storedKinds.find((info) => {
    const names = [info.plural, info.singular, ...info.shortNames];
    return names.some((name) => name === wanted || `${name}.${info.group}` === wanted);
  });
}

/** `v1`, or `weft.dev/v1alpha1`, in the version that is stored or in another that is served. */
export function apiVersionOf(
  info: Pick<KindInfo, "group" | "version">,
  version: string = info.version,
): string {
  return info.group === "" ? version : `${info.group}/${version}`;
}

function apiVersionsOf(info: KindInfo): readonly string[] {
  return info.versions.map((version) => apiVersionOf(info, version));
}
