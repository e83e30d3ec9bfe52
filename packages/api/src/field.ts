// The value at a path of an object of any shape, for field selectors.

/** As text, e.g. of `involvedObject.name`; "" where there is none. */
export function fieldValue(value: unknown, path: string): string {
  let current: unknown = value;
  for (const name of path.split(".")) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, name)) return "";
    current = (current as Readonly<Record<string, unknown>>)[name];
  }
  return current === undefined || current === null || typeof current === "object"
    ? ""
    : String(current);
}
