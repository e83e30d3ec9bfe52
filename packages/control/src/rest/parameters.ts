// Query parameters, with the errors Kubernetes gives for those that make no sense.

import { badRequest, invalid } from "./status.ts";

export function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

/** A non-negative integer, or null when absent. Throws 400. */
export function countOf(query: URLSearchParams, name: string): number | null {
  const value = query.get(name);
  if (value === null || value === "") return null;
  if (!/^\d{1,15}$/.test(value)) throw badRequest(`${name} must be a whole number: "${value}"`);
  return Number(value);
}

/** `dryRun=All`; any other value is refused. */
export function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll("dryRun").filter((value) => value !== "");
  if (values.length === 0) return false;
  if (values.every((value) => value === "All")) return true;
  throw invalid("CreateOptions", "meta.k8s.io", "", [
    {
      path: "dryRun",
      reason: "FieldValueNotSupported",
      message: `Unsupported value: ${JSON.stringify(values[0])}: supported values: "All"`,
    },
  ]);
}

export type FieldValidation = "Ignore" | "Warn" | "Strict";

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const value = query.get("fieldValidation") ?? "";
  if (value === "") return "Warn";
  if (value === "Ignore" || value === "Warn" || value === "Strict") return value;
  throw invalid("CreateOptions", "meta.k8s.io", "", [
    {
      path: "fieldValidation",
      reason: "FieldValueNotSupported",
      message:
        `Unsupported value: ${JSON.stringify(value)}: ` +
        'supported values: "Ignore", "Strict", "Warn"',
    },
  ]);
}

const managerLengthMax = 128;

/** Who writes: `fieldManager`, else the first word of the user agent. */
export function managerOf(query: URLSearchParams, userAgent: string | undefined): string {
  const given = query.get("fieldManager") ?? "";
  if (given.length > managerLengthMax) {
    throw badRequest(`fieldManager may have at most ${managerLengthMax} characters`);
  }
  if (given !== "") return given;
  const agent = (userAgent ?? "").split("/", 1)[0]?.trim() ?? "";
  return agent === "" ? "unknown" : agent.slice(0, managerLengthMax);
}

/** Where a list goes on: the revision it began at and the last key it gave. */
export interface Continuation {
  readonly revision: number;
  readonly startAfter: string;
}

export function encodeContinuation({ revision, startAfter }: Continuation): string {
  return Buffer.from(JSON.stringify([1, revision, startAfter])).toString("base64url");
}

export function decodeContinuation(token: string): Continuation {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parsed)) {
      const [form, revision, startAfter] = parsed as unknown[];
      if (form === 1 && typeof revision === "number" && typeof startAfter === "string") {
        return { revision, startAfter };
      }
    }
  } catch {
    // Whatever it was, it is none of ours.
  }
  throw badRequest("continue key is not valid: it was not given by this server");
}

export const continueExpired: string =
  "The provided continue parameter is too old to display a consistent list result. " +
  "You must start a new list without the continue parameter.";
