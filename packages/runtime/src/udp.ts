// A datagram socket for answers that fit one datagram (the agent's DNS). Never used by requests.

import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { type BoundListener, ListenError } from "./listen.ts";
import { socketAddress, systemCalls } from "./system-calls.ts";

export interface UdpPeer {
  readonly address: string;
  readonly port: number;
}

export interface UdpOptions {
  readonly address: string;
  /** 0 asks for any free port. */
  readonly port: number;
  /** Of `bindDatagram`, in place of a port of its own; default null. */
  readonly bound?: BoundListener | null;
  /** The bytes are the handler's own. */
  readonly onMessage: (bytes: Buffer, from: UdpPeer) => void;
  /** The socket still works, e.g. after ECONNREFUSED from a peer. */
  readonly onError: (code: string) => void;
}

export interface UdpSocket {
  readonly port: number;
  /** Also after `close`, as long as the `bound` socket is open. */
  send(bytes: Uint8Array, to: UdpPeer): void;
  /** Reads no more: what comes stays in the `bound` socket for the next reader. */
  close(): void;
}

/** Rejects with a ListenError when the port cannot be had. */
export function bindUdp(options: UdpOptions): Promise<UdpSocket> {
  const { bound = null } = options;
  const socket = createSocket({ type: isIPv6(options.address) ? "udp6" : "udp4" });
  let isOpen = true;
  return new Promise((resolve, reject) => {
    const onBindError = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(new ListenError(error.code ?? "EIO", options.address, options.port));
    };
    socket.once("error", onBindError);
    const where =
      bound === null
        ? { address: options.address, port: options.port, exclusive: true }
        : { fd: bound.duplicate(), exclusive: true };
    socket.bind(where, () => {
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
          else if (bound?.isOpen === true) sendNow(bound.fd, bytes, to);
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

function sendNow(fd: number, bytes: Uint8Array, to: UdpPeer): void {
  const name = socketAddress(to.address, to.port);
  systemCalls()?.sendto(fd, bytes, BigInt(bytes.length), 0, name, name.length);
}
