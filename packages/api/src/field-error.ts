// What validation says: one row per wrong field, with the path, reason and wording that users of
// Kubernetes know (`spec.ports[0].port: Required value`). Validation lists, it never throws.

/** The reasons of `Status.details.causes`. */
export type FieldErrorReason =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueDuplicate"
  | "FieldValueForbidden"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid"
  | "FieldValueNotFound";

export interface FieldError {
  /** e.g. `spec.ports[0].port`. */
  readonly path: string;
  readonly reason: FieldErrorReason;
  /** Without the path: `Invalid value: 0: must be at least 1`. */
  readonly message: string;
  readonly value?: unknown;
}

/** `path: message`, as kubectl shows it. */
export function formatFieldError(error: FieldError): string {
  return error.path === "" ? error.message : `${error.path}: ${error.message}`;
}

export interface ValidateOptions {
  /**
   * Why a pattern is not RE2 (decision D9), or null when it is; absent: patterns are not looked at.
   */
  readonly regexError?: (pattern: string) => string | null;
}

/** Collects the errors of one object; `at` gives a reporter whose paths start deeper. */
export class Reporter {
  readonly path: string;
  readonly options: ValidateOptions;
  readonly errors: FieldError[];

  constructor(path: string, options: ValidateOptions = {}, errors: FieldError[] = []) {
    this.path = path;
    this.options = options;
    this.errors = errors;
  }

  /** The reporter of a field below: `at("ports")`, `at(3)`, or `at("ports[3].name")`. */
  at(below: string | number): Reporter {
    return new Reporter(joinPath(this.path, below), this.options, this.errors);
  }

  required(below: string, detail = ""): void {
    const message = detail === "" ? "Required value" : `Required value: ${detail}`;
    this.#add(below, "FieldValueRequired", message);
  }

  invalid(below: string, value: unknown, detail: string): void {
    this.#add(below, "FieldValueInvalid", `Invalid value: ${show(value)}: ${detail}`, value);
  }

  typeInvalid(below: string, value: unknown, detail: string): void {
    this.#add(below, "FieldValueTypeInvalid", `Invalid value: ${show(value)}: ${detail}`, value);
  }

  notSupported(below: string, value: unknown, supported: readonly (string | number)[]): void {
    const values = supported.map((one) => JSON.stringify(one)).join(", ");
    const message = `Unsupported value: ${show(value)}: supported values: ${values}`;
    this.#add(below, "FieldValueNotSupported", message, value);
  }

  duplicate(below: string, value: unknown): void {
    this.#add(below, "FieldValueDuplicate", `Duplicate value: ${show(value)}`, value);
  }

  forbidden(below: string, detail: string): void {
    this.#add(below, "FieldValueForbidden", `Forbidden: ${detail}`);
  }

  tooLong(below: string, max: number): void {
    this.#add(below, "FieldValueTooLong", `Too long: may not be more than ${max} bytes`);
  }

  tooMany(below: string, count: number, max: number): void {
    const items = max === 1 ? "item" : "items";
    const message = `Too many: ${count}: must have at most ${max} ${items}`;
    this.#add(below, "FieldValueTooMany", message);
  }

  notFound(below: string, value: unknown): void {
    this.#add(below, "FieldValueNotFound", `Not found: ${show(value)}`, value);
  }

  #add(below: string, reason: FieldErrorReason, message: string, value?: unknown): void {
    const path = joinPath(this.path, below);
    this.errors.push(
      value === undefined ? { path, reason, message } : { path, reason, message, value },
    );
  }
}

function joinPath(path: string, below: string | number): string {
  if (typeof below === "number") return `${path}[${below}]`;
  if (below === "" || path === "") return path + below;
  return below.startsWith("[") ? path + below : `${path}.${below}`;
}

const SHOWN_CHARACTERS_MAX = 256;

function show(value: unknown): string {
  const text = value === undefined ? "null" : JSON.stringify(value);
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}…`;
}
