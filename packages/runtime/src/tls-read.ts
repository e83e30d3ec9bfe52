// TLS sockets read into a buffer that is used again (docs/decisions/0049). Node offers `onread`
// to sockets that connect only; a TLS socket over an accepted one would make a buffer for every
// read, whose memory lies outside of V8's heap and makes it collect far too often.

import { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

type ReadFields = Record<symbol, unknown> & {
  readonly _handle: { useUserBuffer?(buffer: Buffer): void } | null;
};

interface ReadSymbols {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly makeBuffer: symbol;
}

let symbols: ReadSymbols | null | undefined;

/**
 * Has reads call `onRead` with their length instead of pushing chunks; false where this Node
 * cannot. The peer's end is still pushed.
 */
export function readIntoBuffer(
  socket: TLSSocket,
  buffer: Buffer,
  onRead: (length: number) => boolean,
): boolean {
  symbols ??= findSymbols();
  const fields = socket as unknown as ReadFields;
  if (symbols === null || typeof fields._handle?.useUserBuffer !== "function") return false;
  fields[symbols.buffer] = buffer;
  fields[symbols.callback] = onRead;
  fields[symbols.makeBuffer] = null;
  fields._handle.useUserBuffer(buffer);
  return true;
}

/** Where Node keeps what it was given as `onread`, seen on a socket that was. */
function findSymbols(): ReadSymbols | null {
  const buffer = Buffer.alloc(1);
  const callback = (): boolean => true;
  const probe = new Socket({ onread: { buffer, callback } } as ConstructorParameters<
    typeof Socket
  >[0]);
  const fields = probe as unknown as ReadFields;
  const names = Object.getOwnPropertySymbols(probe);
  const found = {
    buffer: names.find((name) => fields[name] === buffer),
    callback: names.find((name) => fields[name] === callback),
    makeBuffer: names.find((name) => name.description === "kBufferGen"),
  };
  probe.destroy();
  const isWhole = Object.values(found).every((name) => name !== undefined);
  return isWhole ? (found as ReadSymbols) : null;
}
