// The OpenAPI v2 document in protobuf (openapi.v2.Document of gnostic), the only form in which
// kubectl asks for it: 1.20 before every `create`, later ones where OpenAPI v3 does not help. One
// table per message says which JSON key goes to which field; keys that no client of ours reads are
// left out.

type Fields = Readonly<Record<string, Encode>>;

/** Writes a JSON value: as a field with its tag and length, or as what lies inside a message. */
type Encode = (writer: BackwardWriter, value: unknown) => void;

/** Encodes a Swagger 2.0 document. */
export function openapiV2Protobuf(document: object): Uint8Array {
  const writer = new BackwardWriter();
  encodeDocument(writer, document);
  return writer.finish();
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const encoder = new TextEncoder();

/** Fills a buffer from its end, so that a message's length is known when its head is written. */
class BackwardWriter {
  #bytes = new Uint8Array(1 << 16);
  #start: number = 1 << 16;

  get written(): number {
    return this.#bytes.length - this.#start;
  }

  text(value: string): void {
    const room = value.length * 3;
    this.#reserve(room);
    const scratch = this.#bytes.subarray(0, room);
    const { written } = encoder.encodeInto(value, scratch);
    this.#bytes.copyWithin(this.#start - written, 0, written);
    this.#start -= written;
  }

  varint(value: number): void {
    this.#reserve(10);
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
    this.#start -= bytes.length;
    this.#bytes.set(bytes, this.#start);
  }

  /** The length and tag of what was written since `written` was `from`. */
  head(number: number, from: number): void {
    this.varint(this.written - from);
    this.varint(number * 8 + LENGTH_DELIMITED);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(this.#start);
  }

  /** Keeps so many bytes free before what is written, and as many again as scratch. */
  #reserve(count: number): void {
    if (this.#start >= count * 2) return;
    const grown = new Uint8Array(this.#bytes.length * 2 + count * 2);
    const start = grown.length - this.written;
    grown.set(this.#bytes.subarray(this.#start), start);
    this.#bytes = grown;
    this.#start = start;
  }
}

function text(number: number): Encode {
  return message(number, (writer, value) => writer.text(String(value)));
}

function texts(number: number): Encode {
  return messages(number, (writer, value) => writer.text(String(value)));
}

function flag(number: number): Encode {
  return (writer, value) => {
    if (value !== true) return;
    writer.varint(1);
    writer.varint(number * 8 + VARINT);
  };
}

function message(number: number, encode: Encode): Encode {
  return (writer, value) => {
    const from = writer.written;
    encode(writer, value);
    writer.head(number, from);
  };
}

function messages(number: number, encode: Encode): Encode {
  const one = message(number, encode);
  return (writer, value) => {
    for (const item of (value as readonly unknown[]).toReversed()) one(writer, item);
  };
}

/** A JSON object as a repeated message of `name` (1) and `value` (2). */
function named(number: number, encode: Encode): Encode {
  return (writer, value) => {
    for (const [name, item] of Object.entries(value as object).reverse()) {
      namedField(writer, number, name, () => encode(writer, item));
    }
  };
}

function namedField(writer: BackwardWriter, number: number, name: string, write: () => void): void {
  const from = writer.written;
  write();
  writer.head(2, from);
  text(1)(writer, name);
  writer.head(number, from);
}

const encodeSchema: Encode = (writer, value) => encodeFields(writer, schemaFields, value, 31);

const schemaFields: Fields = {
  $ref: text(1),
  format: text(2),
  description: text(4),
  required: texts(19),
  additionalProperties: message(21, message(1, encodeSchema)),
  type: message(22, text(1)),
  items: message(23, message(1, encodeSchema)),
  properties: message(25, named(1, encodeSchema)),
};

const bodyParameter: Fields = {
  description: text(1),
  name: text(2),
  in: text(3),
  required: flag(4),
  schema: message(5, encodeSchema),
};

const queryParameter: Fields = {
  required: flag(1),
  in: text(2),
  description: text(3),
  name: text(4),
  type: text(6),
  uniqueItems: flag(20),
};

const pathParameter: Fields = {
  required: flag(1),
  in: text(2),
  description: text(3),
  name: text(4),
  type: text(5),
  uniqueItems: flag(19),
};

const encodeBody = inside([1, 1], fieldsOf(bodyParameter));
const encodeQuery = inside([1, 2, 3], fieldsOf(queryParameter));
const encodePath = inside([1, 2, 4], fieldsOf(pathParameter));

/** ParametersItem { Parameter { BodyParameter | NonBodyParameter { query | path } } } */
const encodeParameter: Encode = (writer, value) => {
  const place = (value as { readonly in: string }).in;
  const encode = place === "body" ? encodeBody : place === "path" ? encodePath : encodeQuery;
  encode(writer, value);
};

const response: Fields = {
  description: text(1),
  schema: message(2, message(1, encodeSchema)),
};

const operation: Fields = {
  tags: texts(1),
  description: text(3),
  operationId: text(5),
  produces: texts(6),
  consumes: texts(7),
  parameters: messages(8, encodeParameter),
  responses: message(9, named(1, message(1, fieldsOf(response)))),
  schemes: texts(10),
};

const encodeOperation = fieldsOf(operation, 13);

/** Clients look at PATCH alone: at the content types and parameters that a kind's takes. */
const pathItem: Fields = {
  patch: message(8, encodeOperation),
  parameters: messages(9, encodeParameter),
};

const documentFields: Fields = {
  swagger: text(1),
  info: message(2, fieldsOf({ title: text(1), version: text(2) })),
  paths: message(8, named(2, fieldsOf(pathItem))),
  definitions: message(9, named(1, encodeSchema)),
};

const encodeDocument = fieldsOf(documentFields);

function fieldsOf(fields: Fields, extensionNumber = 0): Encode {
  return (writer, value) => encodeFields(writer, fields, value, extensionNumber);
}

/** The fields of the table in its order, then `x-…` keys as vendor extensions where it has them. */
function encodeFields(
  writer: BackwardWriter,
  fields: Fields,
  value: unknown,
  extensionNumber: number,
): void {
  const object = value as Readonly<Record<string, unknown>>;
  if (extensionNumber !== 0) {
    for (const [key, extension] of Object.entries(object).reverse()) {
      if (!key.startsWith("x-")) continue;
      namedField(writer, extensionNumber, key, () => text(2)(writer, JSON.stringify(extension)));
    }
  }
  for (const [key, encode] of Object.entries(fields).reverse()) {
    if (object[key] !== undefined) encode(writer, object[key]);
  }
}

/** Wraps what is encoded in one message per number, the last number innermost. */
function inside(numbers: readonly number[], encode: Encode): Encode {
  return numbers.reduceRight((inner, number) => message(number, inner), encode);
}
