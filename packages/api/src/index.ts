// The public surface of @weft/api.

export {
  ageColumn,
  type CellValue,
  type Column,
  formatAge,
  formatElapsed,
  nameColumn,
} from "./column.ts";
export {
  ApiError,
  type ApiClient,
  type ApiClientOptions,
  type ApiWatchEvent,
  createApiClient,
  type ListParameters,
  type ObjectList,
  type PatchParameters,
  type PatchType,
  type WatchParameters,
  type WriteParameters,
} from "./client.ts";
export { customResourceDefinition } from "./custom-resource-definition.ts";
export { type Condition, findCondition, formatTime, withCondition } from "./condition.ts";
export type { ConfigMap } from "./config-map.ts";
export { formatDuration, parseDurationMs } from "./duration.ts";
export { type Endpoint, type EndpointSlice, SERVICE_NAME_LABEL } from "./endpoint-slice.ts";
export type { Event } from "./event.ts";
export { fieldValue } from "./field.ts";
export {
  type FieldError,
  type FieldErrorReason,
  formatFieldError,
  type ValidateOptions,
} from "./field-error.ts";
export { isIpAddress, isIpv4, isIpv6 } from "./format.ts";
export type { Gateway, GatewayListener, GatewaySpec, GatewayStatus } from "./gateway.ts";
export { type GatewayClass, WEFT_CONTROLLER } from "./gateway-class.ts";
export type {
  GrpcMethodMatch,
  GrpcRoute,
  GrpcRouteFilter,
  GrpcRouteMatch,
  GrpcRouteRule,
} from "./grpc-route.ts";
export type {
  HttpBackendRef,
  HttpPathMatch,
  HttpQueryParamMatch,
  HttpRoute,
  HttpRouteMatch,
  HttpRouteRule,
  HttpRouteSpec,
  HttpRouteTimeouts,
} from "./http-route.ts";
export type {
  HttpCors,
  HttpHeader,
  HttpHeaderModifier,
  HttpPathModifier,
  HttpRequestMirror,
  HttpRequestRedirect,
  HttpRouteFilter,
  HttpUrlRewrite,
} from "./http-route-filter.ts";
export type { ApiObject, KindInfo, ObjectOfKind, Verb } from "./kind.ts";
export {
  allKinds,
  apiVersionOf,
  findKind,
  findKindByPlural,
  findKindByWord,
  type KindName,
  kinds,
  type ObjectByKind,
  reviews,
  storedKinds,
} from "./kinds.ts";
export type { LabelSelector } from "./label-selector.ts";
export { MESH_CONFIG_NAME, type MeshConfig, type MeshConfigSpec } from "./mesh-config.ts";
export {
  type ManagedFieldsEntry,
  type ObjectMeta,
  objectMetaSchema,
  type OwnerReference,
} from "./metadata.ts";
export {
  dnsLabelError,
  dnsSubdomainError,
  labelValueError,
  qualifiedNameError,
  serviceNameError,
} from "./name.ts";
export type { Namespace } from "./namespace.ts";
export {
  type MtlsMode,
  type PeerAuthentication,
  type PeerAuthenticationSpec,
} from "./peer-authentication.ts";
export type { PolicyTargetReference } from "./policy-target.ts";
export { GATEWAY_GROUP, type ParentReference } from "./ref.ts";
export type {
  BackendObjectReference,
  LocalObjectReference,
  ObjectReference,
  SecretObjectReference,
} from "./ref.ts";
export type { ReferenceGrant, ReferenceGrantSpec } from "./reference-grant.ts";
export { type JsonSchema, publishSchema, type SchemaDialect } from "./published-schema.ts";
export type { HttpHeaderMatch, StreamRouteRule } from "./route-parts.ts";
export type { RouteParentStatus } from "./route-status.ts";
export { groupPath, restPath } from "./rest-path.ts";
export type { Schema, Static } from "./schema.ts";
export type { Secret } from "./secret.ts";
export type { SelfSubjectAccessReview } from "./self-subject-access-review.ts";
export type { Service, ServicePort, ServiceSpec } from "./service.ts";
export type { ServiceAccount } from "./service-account.ts";
export {
  failure,
  invalid,
  isStatus,
  type Status,
  STATUS_CODES,
  type StatusCause,
  type StatusDetails,
  type StatusReason,
} from "./status.ts";
export type { TcpRoute } from "./tcp-route.ts";
export type { TlsRoute } from "./tls-route.ts";
export type { TrafficPolicy, TrafficPolicySpec } from "./traffic-policy.ts";
export type {
  CircuitBreakerSettings,
  LoadBalancerAlgorithm,
  LoadBalancerSettings,
  OutlierDetectionSettings,
  RetryCondition,
  RetrySettings,
  TimeoutSettings,
  TrafficSettings,
  ProxyProtocolVersion,
} from "./traffic-settings.ts";
export { listKey } from "./validate.ts";
export {
  REGISTERED_ANNOTATION,
  SERVICE_LABEL,
  VERSION_LABEL,
  WEFT_GROUP,
  WEFT_VERSION,
  type Workload,
  type WorkloadPort,
  type WorkloadSpec,
  type WorkloadStatus,
} from "./workload.ts";
