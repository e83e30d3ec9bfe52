// The values in force for a service and where each comes from: what `weft describe service` prints.

/** Where a value was written; `Default` is what holds when nothing is. */
export type ValueOrigin =
  | { readonly kind: "Default" }
  | { readonly kind: "MeshConfig"; readonly name: string }
  | {
      readonly kind: "TrafficPolicy" | "PeerAuthentication";
      readonly namespace: string;
      readonly name: string;
      /** What it is attached to: the Service, its Namespace, or a port. */
      readonly attachedTo: "Service" | "Namespace" | "Port";
    };

export interface EffectiveValue {
  /** E.g. `retry.attempts`, `mtls.mode`, `mtls.mode[http]`. */
  readonly name: string;
  /** As it would be written in YAML; null means off. */
  readonly value: string | number | boolean | readonly (string | number)[] | null;
  readonly origin: ValueOrigin;
}

export interface EffectivePolicy {
  readonly namespace: string;
  readonly service: string;
  readonly values: readonly EffectiveValue[];
  /** Policies on the same target that lost to an older one. */
  readonly conflicted: readonly { kind: string; namespace: string; name: string }[];
}
