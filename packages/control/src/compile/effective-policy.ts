// The values in force for a service and where each comes from: what `weft describe service` prints,
// taken from the very functions that clusters, routes and listeners are compiled with.

import { formatDuration } from "@weft/api";
import { membersOf } from "../model/membership.ts";
import { type Model, objectKey } from "../model/model.ts";
import { type PolicyKind, policiesOn } from "../model/policy-targets.ts";
import { meshServiceAt, servicePortsOf, workloadPortFor } from "../model/service-ports.ts";
import { idleTimeoutMs, requestSettingsFor, settingsFor } from "./clusters.ts";
import { modeOf, serviceModeOf } from "./mtls-mode.ts";
import { DEFAULT_RETRY_ON } from "./retry-policy.ts";
import { listSettings, type ValueOrigin } from "./settings.ts";

interface EffectiveValue {
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

/** Null: there is no such service. */
export function effectivePolicy(
  model: Model,
  namespace: string,
  service: string,
): EffectivePolicy | null {
  const key = objectKey(namespace, service);
  if (meshServiceAt(model, key) === undefined) return null;
  const named = { service: key, portName: "", port: 0 };
  const { cluster } = settingsFor(model, named, named);
  const request = requestSettingsFor(model, named);
  const values: EffectiveValue[] = listSettings(cluster, request).map((row) => {
    if (row.value !== null) return row;
    // What holds by default without being a plain value.
    if (row.name === "retry.on") return { ...row, value: DEFAULT_RETRY_ON };
    if (row.name !== "timeout.idle") return row;
    return { ...row, value: formatDuration(idleTimeoutMs(cluster, "http")) };
  });
  values.push(...modeValues(model, key));
  const conflicted = (["TrafficPolicy", "PeerAuthentication"] as const).flatMap((kind) =>
    losersOf(model, kind, namespace, service),
  );
  return { namespace, service, values, conflicted };
}

/** The service's mode, then that of each port whose workloads are in another one. */
function modeValues(model: Model, key: string): EffectiveValue[] {
  const service = meshServiceAt(model, key);
  if (service === undefined) return [];
  const whole = serviceModeOf(model, key, { name: "", targetPort: null });
  const values: EffectiveValue[] = [{ name: "mtls.mode", ...whole }];
  const members = membersOf(model, service);
  for (const port of servicePortsOf(model, service)) {
    let found = serviceModeOf(model, key, port);
    for (const workload of members) {
      const own = workloadPortFor(port, workload);
      if (own === null) continue;
      found = modeOf(model, workload, own);
      break;
    }
    if (found.value === whole.value) continue;
    values.push({ name: `mtls.mode[${port.name === "" ? port.port : port.name}]`, ...found });
  }
  return values;
}

function losersOf(
  model: Model,
  kind: PolicyKind,
  namespace: string,
  service: string,
): { kind: string; namespace: string; name: string }[] {
  const lost = new Set<string>();
  const targets = [
    { kind: "Service", name: service, section: null },
    { kind: "Namespace", name: namespace, section: null },
  ] as const;
  for (const target of targets) {
    const [, ...losers] = policiesOn(model, kind, namespace, target);
    for (const policy of losers) lost.add(policy.metadata.name);
  }
  return [...lost].sort().map((name) => ({ kind, namespace, name }));
}
