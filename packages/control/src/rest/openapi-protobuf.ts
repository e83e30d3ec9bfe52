// The OpenAPI v2 document in protobuf (openapi.v2.Document of gnostic), the only form in which
// kubectl asks for it: 1.20 before every `create`, later ones where OpenAPI v3 does not help. One
// table per message says which JSON key goes to which field; keys that no client of ours reads are
// left out.

type Fields = Readonly<Record<string, Field>>;

interface Field {
  readonly number: number;
  readonly write: (value: unknown) => Uint8Array[];
}

/** Encodes a Swagger 2.0 document. */
export function openapiV2Protobuf(document: object): Uint8Array {
  return encodeFields(documentFields, document);
}

const encoder = new TextEncoder();
const VARINT = 0;
const LENGTH_DELIMITED = 2;

function text(number: number): Field {
  return { number, write: (value) => [delimited(number, encoder.encode(String(value)))] };
}

function texts(number: number): Field {
  const one = text(number);
  return { number, write: (value) => (value as readonly string[]).flatMap(one.write) };
}

function flag(number: number): Field {
  const write = (value: unknown): Uint8Array[] => {
    return value === true ? [Uint8Array.of(...varint(number * 8 + VARINT), 1)] : [];
  };
  return { number, write };
}

function message(number: number, encode: (value: unknown) => Uint8Array): Field {
  return { number, write: (value) => [delimited(number, encode(value))] };
}

function messages(number: number, encode: (value: unknown) => Uint8Array): Field {
  const write = (value: unknown): Uint8Array[] => {
    return (value as readonly unknown[]).map((one) => delimited(number, encode(one)));
  };
  return { number, write };
}

/** A JSON object as a repeated message of `name` (1) and `value` (2). */
function named(number: number, encode: (value: unknown) => Uint8Array): Field {
  const write = (value: unknown): Uint8Array[] => {
    return Object.entries(value as object).map(([name, one]) => {
      return delimited(number, namedMessage(name, encode(one)));
    });
  };
  return { number, write };
}

function namedMessage(name: string, value: Uint8Array): Uint8Array {
  return concat([delimited(1, encoder.encode(name)), delimited(2, value)]);
}

/** A message that holds nothing but this field. */
function wrapped(field: Field): (value: unknown) => Uint8Array {
  return (value) => concat(field.write(value));
}

const encodeSchema = (value: unknown): Uint8Array => encodeFields(schemaFields, value, 31);

const schemaFields: Fields = {
  $ref: text(1),
  format: text(2),
  description: text(4),
  required: texts(19),
  additionalProperties: message(21, wrapped(message(1, encodeSchema))),
  type: message(22, wrapped(text(1))),
  items: message(23, wrapped(message(1, encodeSchema))),
  properties: message(25, wrapped(named(1, encodeSchema))),
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

/** ParametersItem { Parameter { BodyParameter | NonBodyParameter { query | path } } } */
function encodeParameter(value: unknown): Uint8Array {
  const place = (value as { readonly in: string }).in;
  if (place === "body") return inside([1, 1], encodeFields(bodyParameter, value));
  return place === "path"
    ? inside([1, 2, 4], encodeFields(pathParameter, value))
    : inside([1, 2, 3], encodeFields(queryParameter, value));
}

const response: Fields = {
  description: text(1),
  schema: message(2, wrapped(message(1, encodeSchema))),
};

const operation: Fields = {
  tags: texts(1),
  description: text(3),
  operationId: text(5),
  produces: texts(6),
  consumes: texts(7),
  parameters: messages(8, encodeParameter),
  responses: message(9, wrapped(named(1, (value) => inside([1], encodeFields(response, value))))),
  schemes: texts(10),
};

const encodeOperation = (value: unknown): Uint8Array => encodeFields(operation, value, 13);

const pathItem: Fields = {
  get: message(2, encodeOperation),
  put: message(3, encodeOperation),
  post: message(4, encodeOperation),
  delete: message(5, encodeOperation),
  patch: message(8, encodeOperation),
  parameters: messages(9, encodeParameter),
};

const documentFields: Fields = {
  swagger: text(1),
  info: message(2, (value) => encodeFields({ title: text(1), version: text(2) }, value)),
  paths: message(8, wrapped(named(2, (value) => encodeFields(pathItem, value)))),
  definitions: message(9, wrapped(named(1, encodeSchema))),
};

/**
 * The fields of the table in its order, then `x-…` keys as vendor extensions where it has
 * them.
 */
function encodeFields(fields: Fields, value: unknown, extensionNumber = 0): Uint8Array {
  const object = value as Readonly<Record<string, unknown>>;
  const parts: Uint8Array[] = [];
  for (const [key, field] of Object.entries(fields)) {
    if (object[key] !== undefined) parts.push(...field.write(object[key]));
  }
  if (extensionNumber === 0) return concat(parts);
  for (const [key, extension] of Object.entries(object)) {
    if (!key.startsWith("x-")) continue;
    const yaml = delimited(2, encoder.encode(JSON.stringify(extension)));
    parts.push(delimited(extensionNumber, namedMessage(key, yaml)));
  }
  return concat(parts);
}

/** Wraps bytes in one message per number, the last number innermost. */
function inside(numbers: readonly number[], bytes: Uint8Array): Uint8Array {
  return numbers.reduceRight((inner, number) => delimited(number, inner), bytes);
}

function delimited(number: number, bytes: Uint8Array): Uint8Array {
  const head = [...varint(number * 8 + LENGTH_DELIMITED), ...varint(bytes.length)];
  return concat([Uint8Array.from(head), bytes]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
