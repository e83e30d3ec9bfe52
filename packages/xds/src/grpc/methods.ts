// The methods both ends speak, as tables. ADS messages pass as the bytes they are: the xDS server
// splices encoded resources, and gRPC must not decode and encode them again.

import { AgentMessage, ControlMessage } from "../../messages/weft/v1/agent.js";
import {
  SignCertificateRequest,
  SignCertificateResponse,
} from "../../messages/weft/v1/identity.js";

/** What grpc-js needs of a message type. */
export interface Codec<T> {
  encode(message: T): Buffer;
  decode(bytes: Buffer): T;
}

export interface Method<Up, Down> {
  readonly path: string;
  readonly up: Codec<Up>;
  readonly down: Codec<Down>;
}

interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

const bytes: Codec<Uint8Array> = { encode: asBuffer, decode: (message) => message };

const agentMessage = codecOf<AgentMessage>(AgentMessage);
const controlMessage = codecOf<ControlMessage>(ControlMessage);

const ads = "/envoy.service.discovery.v3.AggregatedDiscoveryService";

export const deltaAds: Method<Uint8Array, Uint8Array> = {
  path: `${ads}/DeltaAggregatedResources`,
  up: bytes,
  down: bytes,
};

export const sotwAds: Method<Uint8Array, Uint8Array> = {
  path: `${ads}/StreamAggregatedResources`,
  up: bytes,
  down: bytes,
};

/** Secrets alone, on a stream of their own. */
export const deltaSecrets: Method<Uint8Array, Uint8Array> = {
  path: "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets",
  up: bytes,
  down: bytes,
};

export const attach: Method<AgentMessage, ControlMessage> = {
  path: "/weft.v1.Agents/Attach",
  up: agentMessage,
  down: controlMessage,
};

export const signCertificate: Method<SignCertificateRequest, SignCertificateResponse> = {
  path: "/weft.v1.Identity/SignCertificate",
  up: codecOf<SignCertificateRequest>(SignCertificateRequest),
  down: codecOf<SignCertificateResponse>(SignCertificateResponse),
};

function codecOf<T>(type: MessageType<T>): Codec<T> {
  return {
    encode: (message) => asBuffer(type.encode(message).finish()),
    decode: (message) => type.decode(message),
  };
}

function asBuffer(message: Uint8Array): Buffer {
  if (Buffer.isBuffer(message)) return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}
