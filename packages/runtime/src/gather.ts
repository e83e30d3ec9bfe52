// What handlers write during one event, gathered so that it goes out in one system call. One piece
// of memory per thread serves the socket that writes; another socket's write, or the end of the
// event, sends what it holds. A large read of one connection may be for many sockets in turn
// (HTTP/2 over TLS): then each of these gathers in a piece of its own until the turn ends, or every
// frame of every stream would be a system call (docs/decisions/0050).

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
let gatherStart = 0;
let gatherEnd = 0;
let gatherOwner: Gatherer | null = null;

/** For writes that are too large to gather; given away when it is not written at once. */
const largeBytes = 2 * pieceBytes;
const nothing: Buffer = Buffer.alloc(0);
let large: Buffer = nothing;

let pieceOwners: Gatherer[] = [];
const freePieces: Piece[] = [];

let isFlushScheduled = false;

/**
 * Sends what handlers gathered. Every event of a socket ends with it; other entries call it
 * themselves. Pieces of their own wait for the end of the turn.
 */
export function flushWrites(): void {
  if (gatherOwner !== null) flushGather(gatherOwner);
}

/** Lets further events of this turn go out in the same system call. */
export function flushLater(): void {
  if (isFlushScheduled || (gatherOwner === null && pieceOwners.length === 0)) return;
  isFlushScheduled = true;
  setImmediate(flushScheduled);
}

function flushScheduled(): void {
  isFlushScheduled = false;
  flushWrites();
  flushPieces();
}

/** Copies `bytes`; they fit into a piece. */
export function gatherWrite(owner: Gatherer, bytes: Buffer): void {
  const { length } = bytes;
  if (gatherOwner !== owner) takeGather(owner);
  if (gatherEnd + length > gather.length) makeRoom(owner, length);
  bytes.copy(gather, gatherEnd);
  gatherEnd += length;
}

/** What stands before a write that does not fit, and the write itself, in one piece. */
export function sendLarge(owner: Gatherer, bytes: Buffer): void {
  if (gatherOwner !== owner) takeGather(owner);
  gatherOwner = null;
  const gathered = gatherEnd - gatherStart;
  const length = gathered + bytes.length;
  if (large.length < length) large = Buffer.allocUnsafeSlow(Math.max(length, largeBytes));
  gather.copy(large, 0, gatherStart, gatherEnd);
  bytes.copy(large, gathered);
  gatherEnd = gatherStart;
  if (!owner.send(large.subarray(0, length))) large = nothing;
}

/** Whether it has gathered something that was not sent. */
export function hasGathered(owner: Gatherer): boolean {
  return owner.piece !== null || (gatherOwner === owner && gatherEnd > gatherStart);
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
  if (gatherOwner === owner) flushGather(owner);
  const { piece } = owner;
  if (piece === null) return;
  pieceOwners.splice(pieceOwners.indexOf(owner), 1);
  endPiece(owner, piece);
}

/** Forgets what it gathered. */
export function dropOf(owner: Gatherer): void {
  if (gatherOwner === owner) {
    gatherOwner = null;
    gatherEnd = gatherStart;
  }
  if (owner.piece !== null) owner.piece.length = 0;
  flushOf(owner);
}

function takeGather(owner: Gatherer): void {
  if (gatherOwner !== null) flushGather(gatherOwner);
  gatherOwner = owner;
}

function flushGather(owner: Gatherer): void {
  gatherOwner = null;
  const from = gatherStart;
  const to = gatherEnd;
  gatherStart = to;
  if (to === from) return;
  if (owner.send(gather.subarray(from, to))) {
    gatherStart = from;
    gatherEnd = from;
  } else if (gather.length - to < pieceBytes / 4) {
    renewGather();
  }
}

function renewGather(): void {
  gather = Buffer.allocUnsafeSlow(pieceBytes);
  gatherStart = 0;
  gatherEnd = 0;
}

/** Sends what is gathered, so that `length` more bytes of the same owner fit. */
function makeRoom(owner: Gatherer, length: number): void {
  flushGather(owner);
  gatherOwner = owner;
  if (gatherEnd + length > gather.length) renewGather();
}

function beginPiece(owner: Gatherer): Piece {
  if (gatherOwner === owner) flushGather(owner);
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
