// One HTTP question to a program of this host that listens on a Unix socket, such as Envoy's admin
// interface.

export interface UnixQuestion {
  readonly socket: string;
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly target: string;
  readonly timeoutMs: number;
}

export interface UnixAnswer {
  readonly status: number;
  readonly body: string;
}

/** Rejects when nobody answers in time. */
export function askUnixSocket(question: UnixQuestion): Promise<UnixAnswer> {
  const { method, socket, target, timeoutMs } = question;
  const { request } = process.getBuiltinModule("node:http");
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: socket, method, path: target, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const body = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, body });
        });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}
