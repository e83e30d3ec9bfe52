// A datagram socket for answers that fit one datagram (the agent's DNS). Never used by requests.

import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { ListenError } from "./listen.ts";

export interface UdpPeer {
  readonly address: string;
  readonly port: number;
}

export interface UdpOptions {
  readonly address: string;
  /** 0 asks for any free port. */
  readonly port: number;
  /** The bytes are the handler's own. */
  readonly onMessage: (bytes: Buffer, from: UdpPeer) => void;
  /** The socket still works, e.g. after ECONNREFUSED from a peer. */
  readonly onError: (code: string) => void;
}

export interface UdpSocket {
  readonly port: number;
  send(bytes: Uint8Array, to: UdpPeer): void;
  close(): void;
}

/** Rejects with a ListenError when the port cannot be had. */
export function bindUdp(options: UdpOptions): Promise<UdpSocket> {
  const socket = createSocket({ type: isIPv6(options.address) ? "udp6" : "udp4" });
  let isOpen = true;
  return new Promise((resolve, reject) => {
    const onBindError = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(new ListenError(error.code ?? "EIO", options.address, options.port));
    };
    socket.once("error", onBindError);
    socket.bind({ address: options.address, port: options.port, exclusive: true }, () => {
      socket.off("error", onBindError);
      socket.on("error", (error: NodeJS.ErrnoException) => options.onError(error.code ?? "EIO"));
      socket.on("message", (bytes, { address, port }) =>
        options.onMessage(bytes, { address, port }),
      );
      resolve({
        port: socket.address().port,
        send(bytes, to) {
          // What cannot be sent is lost, as datagrams are; the asker asks again.
          if (isOpen) socket.send(bytes, to.port, to.address, () => {});
        },
        close() {
          if (!isOpen) return;
          isOpen = false;
          socket.close();
        },
      });
    });
  });
}
