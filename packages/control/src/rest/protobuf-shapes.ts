// The protobuf form of the few kinds that clients written in Go send in it: kubectl 1.32 and later
// does for everything it knows a type for. Field numbers as in the `generated.proto` files of
// k8s.io/api and k8s.io/apimachinery; only what our schemas know is listed, the rest is skipped.

/**
 * How a field is read: `text`, `flag`, `number`, `bytes` (as base64), `time`, `micro-time`,
 * `int-or-text`, `json` (bytes that hold JSON), or the name of a message.
 */
export interface FieldShape {
  readonly name: string;
  readonly type: string;
  readonly repeats: "no" | "list" | "map";
  /** Go writes absent values as zeros; only of pointers a zero was really given. */
  readonly keepsZero: boolean;
}

export type MessageShape = ReadonlyMap<number, FieldShape>;

/** One field a word: `<number>.<name>:<type>`, `[]` for a list, `{}` for a map, `!` keeps zeros. */
function message(fields: string): MessageShape {
  const shape = new Map<number, FieldShape>();
  for (const word of fields.trim().split(/\s+/)) {
    const match = /^(\d+)\.([^:]+):([A-Za-z0-9-]+)(\[\]|\{\})?(!?)$/.exec(word);
    if (match === null) throw new Error(`not a field: ${word}`);
    const [, number, name = "", type = "", many, zero] = match;
    const repeats = many === "[]" ? "list" : many === "{}" ? "map" : "no";
    shape.set(Number(number), { name, type, repeats, keepsZero: zero === "!" });
  }
  return shape;
}

export const messageShapes: Readonly<Record<string, MessageShape>> = {
  ObjectMeta: message(`1.name:text 2.generateName:text 3.namespace:text 5.uid:text
    6.resourceVersion:text 7.generation:number 8.creationTimestamp:time 9.deletionTimestamp:time
    10.deletionGracePeriodSeconds:number! 11.labels:text{} 12.annotations:text{}
    13.ownerReferences:OwnerReference[] 14.finalizers:text[] 17.managedFields:ManagedFields[]`),
  OwnerReference: message(`5.apiVersion:text 1.kind:text 3.name:text 4.uid:text 6.controller:flag!
    7.blockOwnerDeletion:flag!`),
  ManagedFields: message(`1.manager:text 2.operation:text 3.apiVersion:text 4.time:time
    6.fieldsType:text 7.fieldsV1:FieldsV1 8.subresource:text`),
  FieldsV1: message("1.raw:json"),
  Condition: message(`1.type:text 2.status:text 3.observedGeneration:number
    4.lastTransitionTime:time 5.reason:text 6.message:text`),
  NamespaceCondition: message(`1.type:text 2.status:text 4.lastTransitionTime:time 5.reason:text
    6.message:text`),
  Namespace: message("1.metadata:ObjectMeta 2.spec:NamespaceSpec 3.status:NamespaceStatus"),
  NamespaceSpec: message("1.finalizers:text[]"),
  NamespaceStatus: message("1.phase:text 2.conditions:NamespaceCondition[]"),
  ServiceAccount: message(`1.metadata:ObjectMeta 2.secrets:ObjectReference[]
    3.imagePullSecrets:LocalObjectReference[] 4.automountServiceAccountToken:flag!`),
  ObjectReference: message(`1.kind:text 2.namespace:text 3.name:text 4.uid:text 5.apiVersion:text
    6.resourceVersion:text 7.fieldPath:text`),
  LocalObjectReference: message("1.name:text"),
  Secret: message(`1.metadata:ObjectMeta 2.data:bytes{} 3.type:text 4.stringData:text{}
    5.immutable:flag!`),
  ConfigMap: message(`1.metadata:ObjectMeta 2.data:text{} 3.binaryData:bytes{}
    4.immutable:flag!`),
  Service: message("1.metadata:ObjectMeta 2.spec:ServiceSpec 3.status:ServiceStatus"),
  ServiceSpec: message(`1.ports:ServicePort[] 2.selector:text{} 3.clusterIP:text
    18.clusterIPs:text[] 4.type:text 5.externalIPs:text[] 7.sessionAffinity:text
    8.loadBalancerIP:text 9.loadBalancerSourceRanges:text[] 10.externalName:text
    11.externalTrafficPolicy:text 12.healthCheckNodePort:number 13.publishNotReadyAddresses:flag
    14.sessionAffinityConfig:SessionAffinityConfig 19.ipFamilies:text[] 17.ipFamilyPolicy:text
    20.allocateLoadBalancerNodePorts:flag! 21.loadBalancerClass:text
    22.internalTrafficPolicy:text 23.trafficDistribution:text`),
  ServicePort: message(`1.name:text 2.protocol:text 6.appProtocol:text 3.port:number
    4.targetPort:int-or-text 5.nodePort:number`),
  SessionAffinityConfig: message("1.clientIP:ClientIpConfig"),
  ClientIpConfig: message("1.timeoutSeconds:number!"),
  ServiceStatus: message("1.loadBalancer:LoadBalancerStatus 2.conditions:Condition[]"),
  LoadBalancerStatus: message("1.ingress:LoadBalancerEntry[]"),
  LoadBalancerEntry: message("1.ip:text 2.hostname:text 3.ipMode:text 4.ports:PortStatus[]"),
  PortStatus: message("1.port:number 2.protocol:text 3.error:text"),
  Event: message(`1.metadata:ObjectMeta 2.involvedObject:ObjectReference 3.reason:text
    4.message:text 5.source:EventSource 6.firstTimestamp:time 7.lastTimestamp:time 8.count:number
    9.type:text 10.eventTime:micro-time 11.series:EventSeries 12.action:text
    13.related:ObjectReference 14.reportingComponent:text 15.reportingInstance:text`),
  EventSource: message("1.component:text 2.host:text"),
  EventSeries: message("1.count:number 2.lastObservedTime:micro-time"),
  EndpointSlice: message(`1.metadata:ObjectMeta 4.addressType:text 2.endpoints:Endpoint[]
    3.ports:EndpointPort[]`),
  Endpoint: message(`1.addresses:text[] 2.conditions:EndpointConditions 3.hostname:text
    4.targetRef:ObjectReference 5.deprecatedTopology:text{} 6.nodeName:text 7.zone:text
    8.hints:EndpointHints`),
  EndpointConditions: message("1.ready:flag! 2.serving:flag! 3.terminating:flag!"),
  EndpointHints: message("1.forZones:Named[] 2.forNodes:Named[]"),
  Named: message("1.name:text"),
  EndpointPort: message("1.name:text! 2.protocol:text! 3.port:number! 4.appProtocol:text!"),
  SelfSubjectAccessReview: message("1.metadata:ObjectMeta 2.spec:AccessReviewSpec"),
  AccessReviewSpec: message(`1.resourceAttributes:ResourceAttributes!
    2.nonResourceAttributes:NonResourceAttributes!`),
  ResourceAttributes: message(`1.namespace:text 2.verb:text 3.group:text 4.version:text
    5.resource:text 6.subresource:text 7.name:text`),
  NonResourceAttributes: message("1.path:text 2.verb:text"),
  SelfSubjectRulesReview: message("1.metadata:ObjectMeta 2.spec:RulesReviewSpec"),
  RulesReviewSpec: message("1.namespace:text"),
  SelfSubjectReview: message("1.metadata:ObjectMeta"),
  DeleteOptions: message(`1.gracePeriodSeconds:number! 2.preconditions:Preconditions
    3.orphanDependents:flag! 4.propagationPolicy:text 5.dryRun:text[]`),
  Preconditions: message("1.uid:text 2.resourceVersion:text"),
};
