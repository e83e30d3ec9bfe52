// DNS messages as the agent reads and writes them (RFC 1035, RFC 6891). The packets themselves are
// `dns-packet`'s business (decision record 0040); what may be trusted in them is decided here.

import packets from "dns-packet";
import type { Answer, DecodedPacket, OptAnswer, Packet, Question } from "dns-packet";

export const Rcode: Readonly<{
  NoError: 0;
  FormErr: 1;
  ServFail: 2;
  NxDomain: 3;
  NotImp: 4;
  Refused: 5;
  BadVers: 16;
}> = Object.freeze({
  NoError: 0,
  FormErr: 1,
  ServFail: 2,
  NxDomain: 3,
  NotImp: 4,
  Refused: 5,
  BadVers: 16,
});
export type Rcode = (typeof Rcode)[keyof typeof Rcode];

const headerBytes = 12;
/** The shortest question: the root's name, type and class. */
const questionBytesMin = 5;
/** The shortest record has a time to live and the length of its data besides. */
const recordBytesMin = 11;
const responseBit = 0x80;
const plainUdpBytesMax = 512;
/** What fits a datagram everywhere (DNS flag day 2020). */
const udpBytesMax = 1232;

/** A question as it was asked. */
export interface Query {
  readonly id: number;
  readonly question: Question;
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: string;
  readonly isRecursionDesired: boolean;
  /** Null without EDNS. */
  readonly edns: { readonly wantsDnssec: boolean } | null;
  /** Longest answer in a datagram. */
  readonly bytesMax: number;
}

/** A query, what to refuse it with, or null for bytes that deserve no answer. */
export function readQuery(bytes: Buffer): Query | Rcode | null {
  if (bytes.length < headerBytes || ((bytes[2] as number) & responseBit) !== 0) return null;
  if (!holdsItsCounts(bytes)) return Rcode.FormErr;
  let packet: DecodedPacket;
  try {
    packet = packets.decode(bytes);
  } catch {
    return Rcode.FormErr;
  }
  if (((bytes[2] as number) & 0x78) !== 0) return Rcode.NotImp;
  const { questions = [], additionals = [] } = packet;
  const [question] = questions;
  if (question === undefined || questions.length !== 1) return Rcode.FormErr;
  if (!isFaithful(question, bytes)) return Rcode.FormErr;
  if (question.class !== undefined && question.class !== "IN" && question.class !== "ANY") {
    return Rcode.Refused;
  }
  const options = additionals.filter(({ type }) => type === "OPT") as unknown as OptAnswer[];
  if (options.length > 1) return Rcode.FormErr;
  const option = options[0] ?? null;
  if (option !== null && option.ednsVersion !== 0) return Rcode.BadVers;
  const offered = option?.udpPayloadSize ?? plainUdpBytesMax;
  return {
    id: bytes.readUInt16BE(0),
    question,
    name: question.name.toLowerCase().replace(/\.$/, ""),
    type: question.type,
    isRecursionDesired: ((bytes[2] as number) & 1) !== 0,
    edns: option === null ? null : { wantsDnssec: (option.flags & 0x8000) !== 0 },
    bytesMax: Math.min(Math.max(offered, plainUdpBytesMax), udpBytesMax),
  };
}

/**
 * Whether the bytes can hold what their header counts. The library makes room for all of it
 * first: 2 MB for a header alone that counts to the limit.
 */
function holdsItsCounts(bytes: Buffer): boolean {
  let needed = headerBytes + bytes.readUInt16BE(4) * questionBytesMin;
  for (const at of [6, 8, 10]) needed += bytes.readUInt16BE(at) * recordBytesMin;
  return needed <= bytes.length;
}

/**
 * Labels that hold dots or bytes beyond ASCII, and compressed questions, become a text that is
 * not what was asked.
 */
function isFaithful(question: Question, bytes: Buffer): boolean {
  try {
    const written = packets.encode({ type: "query", questions: [question] });
    return written.compare(bytes, headerBytes, written.length, headerBytes) === 0;
  } catch {
    return false;
  }
}

export interface Reply {
  readonly rcode: Rcode;
  readonly isAuthoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** `bytesMax` null: over TCP, where every answer fits. */
export function writeReply(query: Query, reply: Reply, bytesMax: number | null): Buffer {
  const whole = encode(query, reply, false);
  if (bytesMax === null || whole.length <= bytesMax) return whole;
  const short = encode(query, { ...reply, additionals: [] }, false);
  if (short.length <= bytesMax) return short;
  return encode(query, { ...reply, answers: [], authorities: [], additionals: [] }, true);
}

function encode(query: Query, reply: Reply, isTruncated: boolean): Buffer {
  let flags = packets.RECURSION_AVAILABLE | (reply.rcode & 15);
  if (query.isRecursionDesired) flags |= packets.RECURSION_DESIRED;
  if (reply.isAuthoritative) flags |= packets.AUTHORITATIVE_ANSWER;
  if (isTruncated) flags |= packets.TRUNCATED_RESPONSE;
  const additionals = [...reply.additionals];
  if (query.edns !== null) additionals.push(optRecord(reply.rcode >> 4));
  const packet: Packet = {
    id: query.id,
    type: "response",
    flags,
    questions: [query.question],
    // A name is given back spelled as it was asked (the asker may check that).
    answers: reply.answers.map((one) => respelled(one, query)),
    authorities: [...reply.authorities],
    additionals,
  };
  return packets.encode(packet);
}

function respelled(record: Answer, query: Query): Answer {
  return record.name === query.name ? { ...record, name: query.question.name } : record;
}

function optRecord(extendedRcode: number): Answer {
  const record = {
    type: "OPT",
    name: ".",
    udpPayloadSize: udpBytesMax,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  return record as unknown as Answer;
}

/** An answer to bytes that could not be read as a query: it repeats nothing of them but the id. */
export function writeRefusal(bytes: Buffer, rcode: Rcode): Buffer {
  const opcodeAndRecursion = (bytes.readUInt16BE(2) & 0x7900) | packets.RECURSION_AVAILABLE;
  return packets.encode({
    id: bytes.readUInt16BE(0),
    type: "response",
    flags: opcodeAndRecursion | (rcode & 15),
    // Codes above 15 have their upper bits in the OPT record (RFC 6891 §6.1.3).
    additionals: rcode > 15 ? [optRecord(rcode >> 4)] : [],
  });
}

/** A response to that very question; null when it is something else. */
export function readResponse(bytes: Buffer, id: number, asked: Question): DecodedPacket | null {
  if (bytes.length < headerBytes || ((bytes[2] as number) & responseBit) === 0) return null;
  if (bytes.readUInt16BE(0) !== id || !holdsItsCounts(bytes)) return null;
  try {
    const packet = packets.decode(bytes);
    const question = packet.questions?.[0];
    const isSame =
      question !== undefined &&
      question.type === asked.type &&
      question.name.toLowerCase() === asked.name.toLowerCase();
    return isSame ? packet : null;
  } catch {
    return null;
  }
}
