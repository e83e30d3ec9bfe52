// The classes of clients that one model is compiled for (decision D3). Classes share clusters and
// endpoints byte for byte; only routes differ.

export type ClientClass = "builtin" | "envoy";

/** What a node says it is; whoever says nothing is ours. */
export function clientClassOf(kind: string): ClientClass {
  return kind === "envoy" ? "envoy" : "builtin";
}
