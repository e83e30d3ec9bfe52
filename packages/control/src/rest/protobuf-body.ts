// Bodies in Kubernetes' protobuf form to the same plain values that JSON gives: four magic bytes,
// an envelope that names the kind, and the object. Encoding per
// https://protobuf.dev/programming-guides/ encoding/; unknown fields are skipped, as protobuf asks.

import type { Fields } from "./body.ts";
import { type FieldShape, messageShapes } from "./protobuf-shapes.ts";
import { badRequest, unsupportedMediaType } from "./status.ts";

const magic = "k8s\0";

/** Throws 400 for broken bytes, 415 for a kind whose shape is not known. */
export function decodeProtobuf(body: Uint8Array): Fields {
  const start = Buffer.from(body.subarray(0, 4)).toString("latin1");
  if (start !== magic) throw badRequest("the body is not protobuf as Kubernetes writes it");
  try {
    const envelope = readEnvelope(body.subarray(4));
    if (messageShapes[envelope.kind] === undefined) {
      throw unsupportedMediaType(
        `${envelope.kind} can only be sent as application/json or application/yaml`,
      );
    }
    const { apiVersion, kind, raw } = envelope;
    return { ...readMessage(kind, raw, 0), apiVersion, kind };
  } catch (error) {
    if (error instanceof RangeError) throw badRequest(`the body is broken: ${error.message}`);
    throw error;
  }
}

interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** runtime.Unknown: `typeMeta` 1 with `apiVersion` 1 and `kind` 2, and `raw` 2. */
function readEnvelope(bytes: Uint8Array): Envelope {
  let [apiVersion, kind] = ["", ""];
  let raw = new Uint8Array();
  for (const field of fieldsOf(bytes)) {
    if (field.number === 2) raw = new Uint8Array(field.bytes);
    if (field.number !== 1) continue;
    for (const part of fieldsOf(field.bytes)) {
      if (part.number === 1) apiVersion = textOf(part.bytes);
      if (part.number === 2) kind = textOf(part.bytes);
    }
  }
  return { apiVersion, kind, raw };
}

const depthMax = 32;

function readMessage(name: string, bytes: Uint8Array, depth: number): Fields {
  const shape = messageShapes[name];
  if (shape === undefined || depth > depthMax) throw new RangeError(`nested too deep in ${name}`);
  const result: Fields = {};
  for (const field of fieldsOf(bytes)) {
    const known = shape.get(field.number);
    if (known === undefined) continue;
    if (known.repeats === "map") addEntry(result, known, field.bytes);
    else {
      const value = readValue(known, field, depth);
      if (known.repeats === "list") addItem(result, known.name, value);
      else if (known.keepsZero || !isZero(value)) result[known.name] = value;
    }
  }
  return name === "FieldsV1" ? ((result["raw"] ?? {}) as Fields) : result;
}

function addItem(result: Fields, name: string, value: unknown): void {
  const list = result[name];
  if (Array.isArray(list)) list.push(value);
  else result[name] = [value];
}

function addEntry(result: Fields, known: FieldShape, bytes: Uint8Array): void {
  let [key, value] = ["", ""];
  for (const part of fieldsOf(bytes)) {
    if (part.number === 1) key = textOf(part.bytes);
    if (part.number === 2)
      value = known.type === "bytes" ? base64Of(part.bytes) : textOf(part.bytes);
  }
  if (key === "__proto__") throw new RangeError('"__proto__" cannot be the name of a field');
  const map = (result[known.name] ??= {}) as Record<string, string>;
  map[key] = value;
}

function readValue(known: FieldShape, field: WireField, depth: number): unknown {
  switch (known.type) {
    case "text":
      return textOf(field.bytes);
    case "flag":
      return field.value !== 0;
    case "number":
      return field.value;
    case "bytes":
      return base64Of(field.bytes);
    case "json":
      return jsonOf(field.bytes);
    case "time":
      return timeOf(field.bytes, 0);
    case "micro-time":
      return timeOf(field.bytes, 6);
    case "int-or-text":
      return intOrText(field.bytes);
    default:
      return readMessage(known.type, field.bytes, depth + 1);
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return bytes.length === 0 ? {} : JSON.parse(textOf(bytes));
  } catch {
    throw new RangeError("it holds JSON that is none");
  }
}

function isZero(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false || value === null;
}

/** Seconds 1, nanoseconds 2; null for Go's zero time, which is written as nothing. */
function timeOf(bytes: Uint8Array, digits: 0 | 6): string | null {
  let [seconds, nanos] = [0, 0];
  for (const part of fieldsOf(bytes)) {
    if (part.number === 1) seconds = part.value;
    if (part.number === 2) nanos = part.value;
  }
  if (seconds === 0 && nanos === 0) return null;
  if (Math.abs(seconds) > 8.64e12) throw new RangeError("a time is out of range");
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (digits === 0) return `${whole}Z`;
  return `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z`;
}

/** `type` 1 (0 a number), `intVal` 2, `strVal` 3. */
function intOrText(bytes: Uint8Array): number | string {
  let [type, number, text] = [0, 0, ""];
  for (const part of fieldsOf(bytes)) {
    if (part.number === 1) type = part.value;
    if (part.number === 2) number = part.value;
    if (part.number === 3) text = textOf(part.bytes);
  }
  return type === 0 ? number : text;
}

interface WireField {
  readonly number: number;
  /** Of a varint. */
  readonly value: number;
  /** Of a length-delimited field; empty otherwise. */
  readonly bytes: Uint8Array;
}

const none = new Uint8Array();

/** The fields of a message in order. Throws RangeError where the bytes end too early. */
function* fieldsOf(bytes: Uint8Array): Generator<WireField> {
  const reader = new Reader(bytes);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, value: reader.varint(), bytes: none };
        break;
      case 1:
        reader.take(8);
        break;
      case 2:
        yield { number, value: 0, bytes: reader.take(reader.varint()) };
        break;
      case 5:
        reader.take(4);
        break;
      default:
        throw new RangeError(`wire type ${tag % 8} is not used`);
    }
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Signed 64 bits; numbers beyond 2^53 lose precision, and none of the fields has such. */
  varint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError("it ends in the midst of a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new RangeError("a number is longer than ten bytes");
  }

  take(count: number): Uint8Array {
    const end = this.#at + count;
    if (count < 0 || end > this.#bytes.length) throw new RangeError("it ends too early");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new RangeError("a text is not UTF-8");
  }
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
