// Mutual TLS handshakes against the proxy that ends them: a few clients connect, wait for the
// ticket that says the server is done, and leave. Resumed ones show the ticket of a connection
// before, end at once and wait for the server's end.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { connect, createSecureContext, type SecureContext } from "node:tls";
import { cpu, type Measured } from "./load.ts";
import type { InboundSide } from "./peer.ts";

const clientCount = 4;

/** The preface of HTTP/2 and an empty SETTINGS frame (RFC 9113 §3.4). */
const http2Opening = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");

export interface HandshakeOptions {
  readonly isResumed: boolean;
  readonly seconds: number;
}

interface Outcome {
  readonly session: Buffer;
  readonly isReused: boolean;
  readonly millis: number;
}

/** Whether a handshake with it succeeds within a second. */
export async function endsTls(inbound: InboundSide): Promise<boolean> {
  const shaken = shake(inbound, contextOf(inbound), null).then(
    () => true,
    () => false,
  );
  return Promise.race([shaken, delay(1000, false, { ref: false })]);
}

function contextOf({ certificates }: InboundSide): SecureContext {
  return createSecureContext({
    cert: readFileSync(certificates.cert),
    key: readFileSync(certificates.key),
    ca: readFileSync(certificates.ca),
  });
}

export async function measureHandshakes(
  inbound: InboundSide,
  options: HandshakeOptions,
): Promise<Measured> {
  const { isResumed, seconds } = options;
  const secureContext = contextOf(inbound);
  const first = await shake(inbound, secureContext, null);
  const before = cpu([inbound.pid]);
  const begun = performance.now();
  const deadline = begun + seconds * 1000;
  const durations: number[] = [];
  let failed = 0;
  const client = async (): Promise<void> => {
    let { session } = first;
    while (performance.now() < deadline) {
      const outcome = await shake(inbound, secureContext, isResumed ? session : null);
      session = outcome.session;
      durations.push(outcome.millis);
      if (outcome.isReused !== isResumed) failed++;
    }
  };
  await Promise.all(Array.from({ length: clientCount }, client));
  const elapsed = (performance.now() - begun) / 1000;
  const after = cpu([inbound.pid]);
  const count = durations.length;
  durations.sort((a, b) => a - b);
  return {
    requests: count,
    failed,
    requestsPerSecond: count / elapsed,
    cpuMicros: (after.total - before.total) / count,
    userMicros: (after.user - before.user) / count,
    p50Millis: durations[count >> 1] ?? 0,
    p99Millis: durations[Math.floor(count * 0.99)] ?? 0,
  };
}

function shake(
  inbound: InboundSide,
  secureContext: SecureContext,
  session: Buffer | null,
): Promise<Outcome> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: inbound.port,
      secureContext,
      servername: "bench",
      ALPNProtocols: ["h2", "http/1.1"],
      checkServerIdentity: () => undefined,
      ...(session === null ? {} : { session }),
    });
    const done = (ticket: Buffer): void => {
      const isReused = socket.isSessionReused();
      resolve({ session: ticket, isReused, millis: performance.now() - begun });
      socket.destroy();
    };
    socket.once("secureConnect", () => {
      // BoringSSL sends its ticket with the first bytes it has to write.
      if (socket.alpnProtocol === "h2") socket.write(http2Opening);
      // Who resumed need not get another ticket: the end tells that the server has read our part.
      if (session === null) return;
      socket.once("end", () => done(session));
      socket.resume();
      socket.end();
    });
    if (session === null) socket.once("session", done);
    socket.setTimeout(5000, () => reject(new Error(`no handshake with port ${inbound.port}`)));
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("closed before the handshake was done")));
  });
}
