// The programs some tests need beside npm packages. A missing one skips its tests with the reason,
// unless WEFT_REQUIRE lists it: then the skip is a failure.

import type { TestContext } from "node:test";

export type Part =
  | "kubectl"
  | "kubectl-old"
  | "envoy"
  | "go"
  | "python"
  | "python-hpack"
  | "curl"
  | "nginx"
  | "haproxy"
  | "promtool"
  | "netns"
  | "nft"
  | "h2spec"
  | "gateway-api"
  | "grpc-interop"
  | "postgres"
  | "redis"
  | "dig";

/** True when the test may go on; otherwise it is skipped, or fails when the part is required. */
export function hasPart(context: TestContext, part: Part, found: boolean, fix: string): boolean {
  if (found) return true;
  const required = (process.env["WEFT_REQUIRE"] ?? "").split(",").map((name) => name.trim());
  if (required.includes(part)) {
    throw new Error(`${part} is required (WEFT_REQUIRE) and was not found; ${fix}`);
  }
  context.skip(`${part} was not found; ${fix}`);
  return false;
}
