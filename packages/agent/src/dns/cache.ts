// Answers of other name servers, kept as long as they allow (RFC 1035 §3.2.1; negative ones as
// RFC 2308 §5 says), at most an hour, and a bounded number of them.

import type { Answer, DecodedPacket, SoaAnswer } from "dns-packet";
import { Rcode, type Reply } from "./message.ts";

const entriesMax = 2000;
const positiveSecondsMax = 3600;
const negativeSecondsMax = 300;

interface Entry {
  readonly rcode: Rcode;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
}

export class AnswerCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  /** With the seconds that are left. */
  find(name: string, type: string, nowMs: number): Reply | null {
    const key = `${type} ${name}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    if (entry.expiresAtMs <= nowMs) return null;
    this.#entries.set(key, entry);
    const ageSeconds = Math.floor((nowMs - entry.storedAtMs) / 1000);
    const aged = (record: Answer): Answer =>
      "ttl" in record ? { ...record, ttl: Math.max(0, (record.ttl ?? 0) - ageSeconds) } : record;
    return {
      rcode: entry.rcode,
      isAuthoritative: false,
      answers: entry.answers.map(aged),
      authorities: entry.authorities.map(aged),
      additionals: [],
    };
  }

  store(name: string, type: string, packet: DecodedPacket, nowMs: number): void {
    const { answers = [], authorities = [] } = packet;
    const rcode = (packet as { rcode?: string }).rcode === "NXDOMAIN" ? Rcode.NxDomain : 0;
    const seconds = secondsToKeep(packet, answers, authorities);
    // A type the library does not know could not be written again as it was.
    if (seconds <= 0 || [...answers, ...authorities].some(isUnknown)) return;
    const key = `${type} ${name}`;
    this.#entries.delete(key);
    this.#entries.set(key, {
      rcode,
      answers,
      authorities,
      storedAtMs: nowMs,
      expiresAtMs: nowMs + seconds * 1000,
    });
    const oldest = this.#entries.size > entriesMax ? this.#entries.keys().next() : null;
    if (oldest?.done === false) this.#entries.delete(oldest.value);
  }
}

function secondsToKeep(
  packet: DecodedPacket,
  answers: readonly Answer[],
  authorities: readonly Answer[],
): number {
  const { rcode } = packet as { rcode?: string };
  if (rcode !== "NOERROR" && rcode !== "NXDOMAIN") return 0;
  if (packet.flag_tc) return 0;
  if (answers.length > 0 && rcode === "NOERROR") {
    const ttls = answers.map((record) => ("ttl" in record ? (record.ttl ?? 0) : 0));
    return Math.min(positiveSecondsMax, ...ttls);
  }
  const soa = authorities.find((record): record is SoaAnswer => record.type === "SOA");
  if (soa === undefined) return 0;
  return Math.min(negativeSecondsMax, soa.ttl ?? 0, soa.data.minimum ?? 0);
}

function isUnknown(record: Answer): boolean {
  return record.type.startsWith("UNKNOWN");
}
