// PeerAuthentication (weft.dev): whether callers must prove who they are (design sections 5 to 7).

import { pathColumn } from "./column.ts";
import { conditions } from "./condition.ts";
import { isAddressRange } from "./format.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { portNumber } from "./name.ts";
import { checkTargets, policyTargets } from "./policy-target.ts";
import { choice, list, object, type Static, string } from "./schema.ts";
import { WEFT_GROUP, WEFT_VERSION } from "./workload.ts";

const MTLS_MODES = ["Strict", "Permissive", "Disable"] as const;
export type MtlsMode = (typeof MTLS_MODES)[number];

export const mtlsSchema = object(
  "Mutual TLS on the way in.",
  {
    mode: choice(
      "Strict refuses plaintext, Permissive takes both, Disable offers no TLS.",
      MTLS_MODES,
    ),
  },
  { required: ["mode"] },
);

const portLevel = object(
  "Another mode for one port.",
  { port: portNumber("The workload's own port."), mtls: mtlsSchema },
  { required: ["port", "mtls"] },
);

const proxyProtocol = object(
  "Peers whose connections begin with a PROXY protocol header, of version 1 or 2.",
  {
    from: list(
      "Their addresses, such as 10.1.0.0/16; from them the header is demanded, from others refused.",
      string("An address or a range."),
      { maxItems: 64 },
    ),
  },
  { required: ["from"] },
);

const spec = object("Whom it is for and what it demands.", {
  targetRefs: policyTargets("Services; absent: every workload of the namespace."),
  mtls: mtlsSchema,
  portLevel: list("Ports that differ.", portLevel, {
    listType: "map",
    keys: ["port"],
    maxItems: 64,
  }),
  proxyProtocol,
});

const status = object("What became of the policy.", {
  conditions: conditions("Accepted, Conflicted and Programmed."),
});

export type PeerAuthenticationSpec = Static<typeof spec>;

const schema = kindSchema(
  "weft.dev/v1alpha1",
  "PeerAuthentication",
  "Whether callers must prove who they are by mutual TLS.",
  { spec, status },
  { required: ["spec"] },
);

export type PeerAuthentication = Static<typeof schema>;

export const peerAuthenticationKind: KindInfo<PeerAuthentication> = defineKind({
  schema,
  group: WEFT_GROUP,
  version: WEFT_VERSION,
  kind: "PeerAuthentication",
  plural: "peerauthentications",
  shortNames: ["pa"],
  categories: ["weft"],
  namespaced: true,
  columns: [
    pathColumn("Mode", "The mode.", ".spec.mtls.mode"),
    pathColumn(
      "Accepted",
      "Whether it is in force.",
      '.status.conditions[?(@.type=="Accepted")].status',
    ),
    pathColumn(
      "Programmed",
      "Whether proxies run it.",
      '.status.conditions[?(@.type=="Programmed")].status',
      {
        wide: true,
      },
    ),
  ],
  check(object, report) {
    checkTargets(object.spec.targetRefs ?? [], object.metadata, report.at("spec.targetRefs"));
    const { mtls, portLevel = [], proxyProtocol: accepted } = object.spec;
    if (mtls === undefined && portLevel.length === 0 && accepted === undefined) {
      report.required("spec.mtls", "unless portLevel or proxyProtocol says something");
    }
    for (const [i, range] of (accepted?.from ?? []).entries()) {
      if (isAddressRange(range)) continue;
      const message = "must be an IP address, or one with a prefix length, such as 10.1.0.0/16";
      report.invalid(`spec.proxyProtocol.from[${i}]`, range, message);
    }
  },
});
