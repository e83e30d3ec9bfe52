// What handlers write during one turn of the event loop, gathered until it ends. One piece of
// memory per thread holds the small writes of all sockets, and what one socket wrote in a row goes
// out in one system call (docs/decisions/0051). A large read of one connection may be for many
// sockets in turn (HTTP/2 over TLS): then each of these gathers in a piece of its own, or every
// frame of every stream would be a system call (docs/decisions/0050).

import { type TurnEnd, writesAtTurnEnd } from "./turn.ts";

/** Who writes. */
export interface Gatherer {
  /** Its own piece; null while it has none. Only this file sets it. */
  piece: Piece | null;
  /** True when all of it was taken: its place can be used again. */
  send(bytes: Buffer): boolean;
}

export interface Piece {
  readonly bytes: Buffer;
  length: number;
}

const pieceBytes = 64 * 1024;
/** Sockets with a piece of their own; a further one makes all of them send. */
const pieceOwnersMax = 32;

let gather: Buffer = Buffer.allocUnsafeSlow(pieceBytes);
/** Before it lies what a socket could not send yet. */
let gatherStart = 0;
let gatherEnd = 0;
/** Who wrote into it, and where the bytes of each begin. */
let writers: Gatherer[] = [];
let starts: number[] = [];
/** The lists of the flush before; two take turns, so that no turn allocates one. */
let spareWriters: Gatherer[] = [];
let spareStarts: number[] = [];

/** For writes that are too large to gather; given away when it is not written at once. */
const largeBytes = 2 * pieceBytes;
const nothing: Buffer = Buffer.alloc(0);
let large: Buffer = nothing;

let pieceOwners: Gatherer[] = [];
const freePieces: Piece[] = [];

/** In place of one that wants nothing sent any more. */
const nobody: Gatherer = { piece: null, send: () => true };

const atEnd: TurnEnd = {
  flush(): void {
    flushWrites();
    flushPieces();
  },
};

/** Sends the small writes, now. Pieces of their own wait for the end of the turn. */
export function flushWrites(): void {
  if (writers.length === 0) return;
  const flushed = writers;
  const from = starts;
  const end = gatherEnd;
  writers = spareWriters;
  starts = spareStarts;
  spareWriters = flushed;
  spareStarts = from;
  let isKept = false;
  from.push(end);
  for (let i = 0; i < flushed.length; i++) {
    if (!(flushed[i] as Gatherer).send(gather.subarray(from[i], from[i + 1]))) isKept = true;
  }
  flushed.length = 0;
  from.length = 0;
  if (!isKept) gatherEnd = gatherStart;
  else if (gather.length - end < pieceBytes / 4) renewGather();
  else gatherStart = end;
}

/** Copies `bytes`; they fit into a piece. */
export function gatherWrite(owner: Gatherer, bytes: Buffer): void {
  const { length } = bytes;
  if (gatherEnd + length > gather.length) makeRoom(length);
  if (writers.length === 0 || writers[writers.length - 1] !== owner) {
    if (writers.length === 0) writesAtTurnEnd(atEnd);
    writers.push(owner);
    starts.push(gatherEnd);
  }
  bytes.copy(gather, gatherEnd);
  gatherEnd += length;
}

/** What stands before a write that does not fit, and the write itself, in one piece. */
export function sendLarge(owner: Gatherer, bytes: Buffer): void {
  const last = writers.length - 1;
  const isLast = last >= 0 && writers[last] === owner;
  const gathered = isLast ? gatherEnd - (starts[last] as number) : 0;
  const length = gathered + bytes.length;
  if (large.length < length) large = Buffer.allocUnsafeSlow(Math.max(length, largeBytes));
  gather.copy(large, 0, gatherEnd - gathered, gatherEnd);
  bytes.copy(large, gathered);
  if (isLast) {
    gatherEnd -= gathered;
    writers.pop();
    starts.pop();
  }
  if (writers.includes(owner)) flushWrites();
  if (!owner.send(large.subarray(0, length))) large = nothing;
}

/** Whether it has gathered something that was not sent. */
export function hasGathered(owner: Gatherer): boolean {
  return owner.piece !== null || writers.includes(owner);
}

/**
 * As `gatherWrite`, until the turn ends. Not for a socket that has unsent bytes: what it cannot
 * send would keep a whole piece for the few bytes in it.
 */
export function gatherForTurn(owner: Gatherer, bytes: Buffer): void {
  let at = 0;
  while (at < bytes.length) {
    const piece = owner.piece ?? beginPiece(owner);
    const count = bytes.copy(piece.bytes, piece.length, at);
    piece.length += count;
    at += count;
    if (piece.length === pieceBytes) flushOf(owner);
  }
}

/** Sends what it gathered. */
export function flushOf(owner: Gatherer): void {
  if (writers.includes(owner)) flushWrites();
  const { piece } = owner;
  if (piece === null) return;
  pieceOwners.splice(pieceOwners.indexOf(owner), 1);
  endPiece(owner, piece);
}

/** Forgets what it gathered. */
export function dropOf(owner: Gatherer): void {
  for (let i = 0; i < writers.length; i++) if (writers[i] === owner) writers[i] = nobody;
  if (owner.piece !== null) owner.piece.length = 0;
  flushOf(owner);
}

function renewGather(): void {
  gather = Buffer.allocUnsafeSlow(pieceBytes);
  gatherStart = 0;
  gatherEnd = 0;
}

/** Sends what is gathered, so that `length` more bytes fit. */
function makeRoom(length: number): void {
  flushWrites();
  if (gatherEnd + length > gather.length) renewGather();
}

function beginPiece(owner: Gatherer): Piece {
  if (writers.includes(owner)) flushWrites();
  if (pieceOwners.length === 0) writesAtTurnEnd(atEnd);
  if (pieceOwners.length === pieceOwnersMax) flushPieces();
  const piece = freePieces.pop() ?? { bytes: Buffer.allocUnsafeSlow(pieceBytes), length: 0 };
  owner.piece = piece;
  pieceOwners.push(owner);
  return piece;
}

function flushPieces(): void {
  const owners = pieceOwners;
  if (owners.length === 0) return;
  pieceOwners = [];
  for (const owner of owners) if (owner.piece !== null) endPiece(owner, owner.piece);
}

function endPiece(owner: Gatherer, piece: Piece): void {
  const { bytes, length } = piece;
  owner.piece = null;
  piece.length = 0;
  // What the system does not take at once keeps its memory.
  if (length > 0 && !owner.send(bytes.subarray(0, length))) return;
  if (freePieces.length < pieceOwnersMax) freePieces.push(piece);
}
