import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kinds } from "./kinds.ts";
import { restPath } from "./rest-path.ts";

describe("restPath", () => {
  it("is what Kubernetes has", () => {
    assert.equal(restPath(kinds.Service, "shop", "web"), "/api/v1/namespaces/shop/services/web");
    assert.equal(restPath(kinds.Service, "shop"), "/api/v1/namespaces/shop/services");
    assert.equal(restPath(kinds.Service, null), "/api/v1/services");
    assert.equal(restPath(kinds.Namespace, null, "shop"), "/api/v1/namespaces/shop");
    assert.equal(
      restPath(kinds.Workload, "shop", "a", "status"),
      "/apis/weft.dev/v1alpha1/namespaces/shop/workloads/a/status",
    );
    assert.equal(
      restPath(kinds.GatewayClass, "ignored", "a"),
      "/apis/gateway.networking.k8s.io/v1/gatewayclasses/a",
    );
  });

  it("escapes names", () => {
    assert.equal(restPath(kinds.Service, "a/b", "c d"), "/api/v1/namespaces/a%2Fb/services/c%20d");
  });
});
