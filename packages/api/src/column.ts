// Columns of `as=Table`. A column is a JSONPath where one can say it (then the CRD prints it as
// well), else code.

import type { ApiObject } from "./kind.ts";

export type CellValue = string | number | boolean;

export interface Column<T extends ApiObject = ApiObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "date" | "boolean";
  /** "name" for the first column, which kubectl prefixes with the kind where several are shown. */
  readonly format: "" | "name";
  readonly description: string;
  /** 0 always, 1 only with `-o wide`. */
  readonly priority: 0 | 1;
  /** The same as JSONPath, for the CRD. */
  readonly jsonPath?: string;
  cell(object: T, nowMs: number): CellValue;
}

export const nameColumn: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description: "The name of the object, unique among its kind and namespace.",
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const ageColumn: Column = {
  name: "Age",
  type: "string",
  format: "",
  description: "How long ago the object was created.",
  priority: 0,
  jsonPath: ".metadata.creationTimestamp",
  cell: (object, nowMs) => formatAge(object.metadata.creationTimestamp, nowMs),
};

/** A column computed by code. */
export function column<T extends ApiObject>(
  name: string,
  description: string,
  cell: (object: T, nowMs: number) => CellValue,
  options: { readonly wide?: true; readonly type?: "integer" | "string" } = {},
): Column<T> {
  const priority = options.wide === true ? 1 : 0;
  return { name, type: options.type ?? "string", format: "", description, priority, cell };
}

/** A column that shows what a JSONPath finds; several values are joined by commas. */
export function pathColumn(
  name: string,
  description: string,
  jsonPath: string,
  options: { readonly wide?: true; readonly type?: "integer" | "string" } = {},
): Column {
  const find = compileJsonPath(jsonPath);
  const cell = (object: ApiObject): CellValue => {
    const found = find(object);
    if (found.length === 1 && typeof found[0] === "number") return found[0];
    return found.map(showCell).join(",");
  };
  return { ...column(name, description, cell, options), jsonPath };
}

/** `a=1,b=2`, or `<none>`. */
export function showLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const shown = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return shown.length === 0 ? "<none>" : shown.sort().join(",");
}

function showCell(value: unknown): string {
  if (Array.isArray(value)) return JSON.stringify(value);
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

type Find = (value: unknown) => unknown[];

const STEP = /^\.([A-Za-z0-9_-]+)|^\[\*\]|^\[\?\(@\.([A-Za-z0-9_-]+)=="([^"]*)"\)\]/;

/** The part of JSONPath that columns use: `.name`, `[*]` and `[?(@.name=="value")]`. */
export function compileJsonPath(path: string): Find {
  const steps: Find[] = [];
  for (let rest = path; rest !== ""; ) {
    const match = STEP.exec(rest);
    if (match === null) throw new Error(`not a path of a column: ${path}`);
    steps.push(stepOf(match));
    rest = rest.slice(match[0].length);
  }
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap(step), [value]);
}

function stepOf(match: RegExpExecArray): Find {
  const [, name, key, wanted] = match;
  if (name !== undefined) {
    return (value) => {
      const field = fieldOf(value, name);
      return field === undefined || field === null ? [] : [field];
    };
  }
  if (key === undefined) return (value) => (Array.isArray(value) ? value : []);
  return (value) =>
    Array.isArray(value) ? value.filter((item) => fieldOf(item, key) === wanted) : [];
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
];

/**
 * The age as kubectl writes it: two units while the first is small (`5m3s`, `2h`, `3d4h`), years
 * from 8 on.
 */
export function formatAge(timestamp: string | undefined, nowMs: number): string {
  const thenMs = timestamp === undefined ? Number.NaN : Date.parse(timestamp);
  return Number.isNaN(thenMs) ? "<unknown>" : formatElapsed(nowMs - thenMs);
}

export function formatElapsed(elapsedMs: number): string {
  const seconds = Math.max(0, Math.floor(elapsedMs / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 10 * 60) return twoUnits(seconds, "m");
  if (seconds < 3 * 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 8 * 3_600) return twoUnits(seconds, "h");
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)}h`;
  const days = Math.floor(seconds / 86_400);
  if (days < 8) return twoUnits(seconds, "d");
  if (days < 2 * 365) return `${days}d`;
  const years = Math.floor(days / 365);
  const restDays = days % 365;
  return days < 8 * 365 && restDays > 0 ? `${years}y${restDays}d` : `${years}y`;
}

function twoUnits(seconds: number, first: string): string {
  const index = UNITS.findIndex(([unit]) => unit === first);
  const [, size] = UNITS[index] ?? ["s", 1];
  const [smallUnit, smallSize] = UNITS[index + 1] ?? ["s", 1];
  const rest = Math.floor((seconds % size) / smallSize);
  const large = `${Math.floor(seconds / size)}${first}`;
  return rest === 0 ? large : `${large}${rest}${smallUnit}`;
}
