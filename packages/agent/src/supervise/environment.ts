// What `weft run` tells the program through its environment (design section 5): its port, and the
// outbound proxy in the variables that HTTP clients of most languages read.

export interface EnvironmentOptions {
  readonly inherited: Readonly<Record<string, string | undefined>>;
  /** The program's own port, or null when it is client-only. */
  readonly port: number | null;
  /** Null with capture: the program's connections need no telling. */
  readonly outboundPort: number | null;
  /** `--upstream` listeners: the name as written on the flag → `host:port`. */
  readonly upstreams: ReadonlyMap<string, string>;
  /** The file URL of the shim that teaches older Node versions to read proxy variables. */
  readonly nodeShimUrl: string;
}

export function programEnvironment(options: EnvironmentOptions): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.inherited)) {
    if (value !== undefined) out[name] = value;
  }
  if (options.port !== null) out["PORT"] = String(options.port);
  out["HOST"] = "127.0.0.1";
  for (const [name, address] of options.upstreams) out[upstreamVariable(name)] = address;
  if (options.outboundPort !== null) setProxy(out, options.outboundPort, options.nodeShimUrl);
  return out;
}

function setProxy(out: Record<string, string>, outboundPort: number, nodeShimUrl: string): void {
  const proxy = `http://127.0.0.1:${outboundPort}`;
  out["http_proxy"] = proxy;
  out["HTTP_PROXY"] = proxy;
  out["NODE_USE_ENV_PROXY"] = "1";
  const noProxy = "localhost,127.0.0.1,::1";
  out["no_proxy"] = noProxy;
  out["NO_PROXY"] = noProxy;
  const given = out["NODE_OPTIONS"];
  const shim = `--import ${nodeShimUrl}`;
  out["NODE_OPTIONS"] = given === undefined || given === "" ? shim : `${given} ${shim}`;
}

/** `catalog.shop:8080` → `WEFT_UPSTREAM_CATALOG_SHOP_8080`. */
export function upstreamVariable(name: string): string {
  return `WEFT_UPSTREAM_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}
