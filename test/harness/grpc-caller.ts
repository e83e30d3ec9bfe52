// A gRPC client of bytes for tests, on gRPC's own library.

import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

const same = (bytes: Buffer): Buffer => bytes;

export interface GrpcAnswer {
  /** The gRPC status. */
  readonly code: number;
  readonly details: string;
  readonly text: string;
}

export class GrpcCaller {
  readonly #client: Client;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
    });
  }

  /** One call of `/service/Method`; never rejects. */
  call(
    method: string,
    text = "",
    options: { metadata?: Record<string, string>; timeoutMs?: number } = {},
  ): Promise<GrpcAnswer> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    const deadline = Date.now() + (options.timeoutMs ?? 10_000);
    return new Promise((resolve) => {
      const done = (error: ServiceError | null, answer?: Buffer): void => {
        if (error === null) resolve({ code: 0, details: "", text: answer?.toString() ?? "" });
        else resolve({ code: error.code, details: error.details, text: "" });
      };
      const body = Buffer.from(text);
      this.#client.makeUnaryRequest(method, same, same, body, metadata, { deadline }, done);
    });
  }

  /** Sends each text when the answer to the one before is here; answers the answers. */
  async chat(method: string, texts: readonly string[]): Promise<string[]> {
    const stream = this.#client.makeBidiStreamRequest<Buffer, Buffer>(method, same, same);
    const answers: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      stream.on("end", resolve);
      stream.on("error", reject);
    });
    stream.on("data", (bytes: Buffer) => {
      answers.push(bytes.toString());
      const next = texts[answers.length];
      if (next === undefined) stream.end();
      else stream.write(Buffer.from(next));
    });
    stream.write(Buffer.from(texts[0] ?? ""));
    await ended;
    return answers;
  }

  close(): void {
    this.#client.close();
  }
}
