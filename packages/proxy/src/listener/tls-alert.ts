// A TLS client that cannot be served is told so in its own language: a fatal alert, before any
// handshake (RFC 8446 §6). And what a failed handshake is called in the log.

import type { ByteSocket } from "@weft/runtime";
import { Refusal } from "../telemetry/refusals.ts";

const alert = { HandshakeFailure: 40, DecodeError: 50, UnrecognizedName: 112 } as const;
/** RFC 8446 §6.2, as far as they are sent here. */
export const Alert: typeof alert = Object.freeze(alert);
export type Alert = (typeof Alert)[keyof typeof Alert];

const alertRecord = 21;
const fatal = 2;

/** Sends the alert and closes. */
export function refuseTls(socket: ByteSocket, description: Alert): void {
  socket.write(Buffer.from([alertRecord, 3, 1, 0, 2, fatal, description]));
  socket.destroySoon();
}

/** Of the name that a failed handshake has in `TlsAcceptorOptions.onFailed`. */
export function handshakeRefusal(reason: string): Refusal {
  if (reason === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") return Refusal.CertificateMissing;
  return reason.startsWith("ERR_") || reason === "ECONNRESET"
    ? Refusal.HandshakeFailed
    : Refusal.CertificateInvalid;
}
