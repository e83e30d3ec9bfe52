// The tables of header compression (RFC 7541 §2.3): the static one, and the ring that holds what a
// peer asked to remember. A field is judged once, when it enters a table or is read literally;
// whoever refers to it afterwards gets the same strings and the same judgement.

import { knownNames } from "../header-names.ts";
import { judgeField, PseudoId } from "./field-judgement.ts";
import type { Http2Reason } from "./error.ts";

/** What every field costs a table beside its bytes (RFC 7541 §4.1). */
export const fieldOverheadBytes = 32;

/** A field and all that is known about it. */
export class Field {
  /** Index in `knownNames`, a PseudoId, or PseudoId.None. */
  readonly id: number;
  readonly name: string;
  readonly value: string;
  /** Size by RFC 7541 §4.1. */
  readonly size: number;
  /** What its value means, by id: see field-judgement.ts. */
  readonly fact: number;
  /** Why it must not be in a message; None for nearly all. */
  readonly fault: Http2Reason;

  constructor(
    id: number,
    name: string,
    value: string,
    size: number,
    fact: number,
    fault: Http2Reason,
  ) {
    this.id = id;
    this.name = name;
    this.value = value;
    this.size = size;
    this.fact = fact;
    this.fault = fault;
  }
}

/** RFC 7541 appendix A, in order from index 1: [name, value]. */
export const staticRows: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];
export const staticCount: number = staticRows.length;

/** The static table; index 0 is never asked for. */
export const staticFields: readonly (Field | null)[] = [null, ...staticRows.map(staticField)];

function staticField([name, value]: readonly [name: string, value: string]): Field {
  const id = name.startsWith(":") ? pseudoIdOf(name) : knownIdOf(name);
  const bytes = Buffer.from(value, "latin1");
  const size = name.length + value.length + fieldOverheadBytes;
  const { fact, fault } = judgeField(id, bytes, 0, bytes.length, true);
  return new Field(id, name, value, size, fact, fault);
}

function pseudoIdOf(name: string): number {
  const ids: Readonly<Record<string, number>> = {
    ":authority": PseudoId.Authority,
    ":method": PseudoId.Method,
    ":path": PseudoId.Path,
    ":scheme": PseudoId.Scheme,
    ":status": PseudoId.Status,
  };
  return ids[name] as number;
}

function knownIdOf(name: string): number {
  return knownNames.indexOf(name);
}

/** The dynamic table (RFC 7541 §2.3.2): newest first, oldest evicted. */
export class DynamicTable {
  /** Grows to its size with its use. */
  readonly #ring: (Field | null)[] = [null];
  readonly #mask: number;
  #newest = 0;
  #bytesMax: number;
  #bytes = 0;
  count = 0;

  /** `bytesCeiling` is the most that `resize` will ever be asked for. */
  constructor(bytesCeiling: number) {
    let slots = 16;
    while (slots * fieldOverheadBytes < bytesCeiling) slots *= 2;
    this.#mask = slots - 1;
    this.#bytesMax = bytesCeiling;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** The field that was added `age` additions ago; `age` is below `count`. */
  at(age: number): Field {
    return this.#ring[(this.#newest - age) & this.#mask] as Field;
  }

  /** Whether a field of that size would stay in the table. */
  holds(size: number): boolean {
    return size <= this.#bytesMax;
  }

  /** Adds a field after making room; one that is too large leaves the table empty (§4.4). */
  add(field: Field): void {
    this.makeRoom(field.size);
    if (field.size > this.#bytesMax) return;
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#ring[this.#newest] = field;
    this.#bytes += field.size;
    this.count++;
  }

  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.makeRoom(0);
  }

  /** Evicts until `size` more bytes fit, or nothing is left. */
  makeRoom(size: number): void {
    while (this.count > 0 && this.#bytes + size > this.#bytesMax) {
      const slot = (this.#newest - --this.count) & this.#mask;
      this.#bytes -= (this.#ring[slot] as Field).size;
      this.#ring[slot] = null;
    }
  }
}
