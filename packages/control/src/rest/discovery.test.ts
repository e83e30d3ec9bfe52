import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allKinds, storedKinds } from "@weft/api";
import { discoveryDocument } from "./discovery.ts";

const AGGREGATED = ["v2", "v2beta1"].map((version) => {
  return `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
});

function get(path: string, accept = "application/json"): { type: string; body: Answer } {
  const answer = discoveryDocument(path, accept, "0.1.0");
  assert.ok(answer !== null, path);
  return { type: answer.contentType, body: JSON.parse(answer.body) as Answer };
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
}

interface Answer {
  readonly kind: string;
  readonly apiVersion: string;
  readonly gitVersion: string;
  readonly versions: readonly string[];
  readonly preferredVersion: { readonly groupVersion: string };
  readonly groups: readonly { readonly name: string }[];
  readonly groupVersion: string;
  readonly resources: readonly Resource[];
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly scope: string;
        readonly responseKind: object;
        readonly subresources?: readonly object[];
      }[];
    }[];
  }[];
}

describe("discoveryDocument", () => {
  it("names the Kubernetes version whose API it has, and ours", () => {
    assert.match(get("/version").body.gitVersion, /^v1\.\d+\.0\+weft\.0\.1\.0$/);
  });

  it("lists versions and groups, stable versions first", () => {
    assert.deepEqual(get("/api").body.versions, ["v1"]);
    const groups = get("/apis").body.groups.map((group) => group.name);
    assert.deepEqual(groups.toSorted(), [
      "authorization.k8s.io",
      "discovery.k8s.io",
      "gateway.networking.k8s.io",
      "weft.dev",
    ]);
    const gateway = get("/apis/gateway.networking.k8s.io").body;
    assert.equal(gateway.preferredVersion.groupVersion, "gateway.networking.k8s.io/v1");
  });

  it("lists every kind in each of its versions", () => {
    for (const info of allKinds) {
      for (const version of info.versions) {
        const path = info.group === "" ? `/api/${version}` : `/apis/${info.group}/${version}`;
        const { resources } = get(path).body;
        const resource = resources.find((one) => one.name === info.plural);
        assert.deepEqual(
          [resource?.kind, resource?.namespaced, resource?.verbs],
          [info.kind, info.namespaced, info.verbs],
        );
        const status = resources.find((one) => one.name === `${info.plural}/status`);
        assert.equal(status !== undefined, info.hasStatus, info.kind);
      }
    }
  });

  it("gives all at once to who asks for it, in either version", () => {
    for (const [accept, version] of [
      [AGGREGATED[0], "v2"],
      [AGGREGATED[1], "v2beta1"],
    ] as const) {
      const core = get("/api", accept);
      const rest = get("/apis", `${accept},application/json`);
      assert.equal(core.type, accept);
      assert.equal(core.body.apiVersion, `apidiscovery.k8s.io/${version}`);
      const items = [...core.body.items, ...rest.body.items];
      const found = items.flatMap((item) => item.versions.flatMap((one) => one.resources));
      for (const info of storedKinds) {
        const resource = found.find((one) => one.resource === info.plural);
        assert.equal(resource?.scope, info.namespaced ? "Namespaced" : "Cluster");
        assert.equal((resource?.subresources ?? []).length, info.hasStatus ? 1 : 0, info.kind);
      }
    }
  });

  it("takes the first form it knows, as clients list them", () => {
    const unknown = "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList";
    assert.equal(get("/apis", `${unknown},${AGGREGATED[1]},application/json`).type, AGGREGATED[1]);
    assert.equal(get("/apis", `application/json,${AGGREGATED[0]}`).type, "application/json");
    assert.equal(get("/apis", "application/vnd.kubernetes.protobuf").type, "application/json");
    assert.equal(get("/apis", "").body.kind, "APIGroupList");
  });

  it("is silent about what is not there", () => {
    const paths = [
      "/",
      "/api/v2",
      "/apis/none",
      "/apis/weft.dev/v9",
      "/apis/weft.dev/v1alpha1/workloads",
    ];
    for (const path of paths) assert.equal(discoveryDocument(path, "", "0.1.0"), null, path);
    assert.notEqual(discoveryDocument("/apis/", "", "0.1.0"), null);
  });
});
