// What every agent begins with: a key, a signing request, and the SVID that a join token earns it.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createKeyAndRequest } from "@weft/agent";
import { silentLogger, systemRuntime } from "@weft/runtime";
import { type GrpcChannel, openGrpcChannel } from "@weft/xds/grpc";
import { SignCertificateRequest } from "@weft/xds/messages/weft/v1/identity.js";

export interface SignInOptions {
  /** `host:port` of the control plane's gRPC port. */
  readonly control: string;
  /** A join token's text. */
  readonly token: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface SignedIn {
  /** Speaks with the SVID from here on. */
  readonly channel: GrpcChannel;
  readonly identity: {
    readonly chainPem: string;
    readonly keyPem: string;
    readonly rootsPem: string;
  };
  readonly spiffeId: string;
}

/** The token of a control plane on this machine. */
export function localToken(dataDir: string): string {
  return readFileSync(path.join(dataDir, "join-secret"), "utf8").trim();
}

export async function signIn(options: SignInOptions): Promise<SignedIn> {
  const { control, namespace, serviceAccount } = options;
  const token = options.token.trim();
  const { csr, privateKey } = createKeyAndRequest();
  const channel = await openGrpcChannel({
    runtime: systemRuntime({ log: silentLogger }),
    address: control,
    trust: { rootSha256: token.split(".")[3] ?? "" },
    identity: null,
    token,
  });
  const answer = await channel.signCertificate(
    SignCertificateRequest.fromPartial({ csr: Buffer.from(csr), namespace, serviceAccount }),
  );
  const pem = (der: Uint8Array): string => new X509Certificate(Buffer.from(der)).toString();
  const identity = {
    chainPem: answer.chain.map(pem).join(""),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    rootsPem: answer.roots.map(pem).join(""),
  };
  channel.setIdentity(identity, identity.rootsPem);
  return { channel, identity, spiffeId: answer.spiffeId };
}
