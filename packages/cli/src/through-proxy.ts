// One HTTP request through an explicit HTTP proxy, in absolute form (RFC 9112 §3.2.2).

import { request as httpRequest } from "node:http";

export interface ProxiedRequest {
  readonly proxyPort: number;
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  readonly timeoutMs: number;
}

export interface ProxiedResponse {
  readonly status: number;
  readonly reason: string;
  /** As received, in order; names lower-case. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Rejects when no complete response came. */
export function requestThroughProxy(options: ProxiedRequest): Promise<ProxiedResponse> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string[]> = { host: [options.url.host] };
    for (const [name, value] of options.headers) {
      const key = name.toLowerCase();
      if (key === "host") headers["host"] = [value];
      else (headers[key] ??= []).push(value);
    }
    if (options.body !== null) headers["content-length"] ??= [String(options.body.length)];
    const outgoing = httpRequest(
      {
        host: "127.0.0.1",
        port: options.proxyPort,
        method: options.method,
        path: options.url.href.replace(/#.*$/, ""),
        headers: { ...headers, host: headers["host"]?.[0] ?? options.url.host },
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.once("error", reject);
        incoming.once("end", () => {
          const pairs: [string, string][] = [];
          for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
            pairs.push([
              (incoming.rawHeaders[i] ?? "").toLowerCase(),
              incoming.rawHeaders[i + 1] ?? "",
            ]);
          }
          resolve({
            status: incoming.statusCode ?? 0,
            reason: incoming.statusMessage ?? "",
            headers: pairs,
            body: Buffer.concat(chunks),
          });
        });
      },
    );
    outgoing.setTimeout(options.timeoutMs, () => {
      outgoing.destroy(new Error(`no answer within ${options.timeoutMs / 1000} s`));
    });
    outgoing.once("error", reject);
    outgoing.end(options.body ?? undefined);
  });
}
