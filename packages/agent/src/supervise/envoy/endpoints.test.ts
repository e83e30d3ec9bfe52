import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointOfCluster } from "@weft/proxy";
import { type ClusterStatuses, endpointViews } from "./endpoints.ts";

const cluster = "catalog.default.svc.cluster.local:80";

function endpoint(key: string): EndpointOfCluster {
  const row = {
    key,
    health: "healthy",
    weight: 100,
    workload: "default/a",
    identity: "",
    version: "",
  };
  return { cluster, mtls: true, row: row as EndpointOfCluster["row"] };
}

test("an endpoint is shown with what Envoy has open to it, and whether it is taken out", () => {
  const statuses: ClusterStatuses = {
    cluster_statuses: [
      {
        name: cluster,
        host_statuses: [
          {
            address: { socket_address: { address: "127.0.0.1", port_value: 15_006 } },
            stats: [{ name: "cx_active", value: "2" }, { name: "rq_active" }],
            health_status: {},
          },
          {
            address: { socket_address: { address: "::1", port_value: 15_006 } },
            health_status: { failed_outlier_check: true },
          },
        ],
      },
    ],
  };
  const keys = ["127.0.0.1:15006", "[::1]:15006", "127.0.0.2:15006"];
  const views = endpointViews("default/web", keys.map(endpoint), statuses);
  const shown = views as { openConnections: number; ejected: boolean; reason: string }[];
  assert.deepEqual(
    shown.map(({ ejected, openConnections, reason }) => [openConnections, ejected, reason]),
    [
      [2, false, ""],
      [0, true, "outlier detection"],
      [0, false, "not known to Envoy yet"],
    ],
  );
});
