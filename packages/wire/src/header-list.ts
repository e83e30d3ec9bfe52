// The one representation of fields: a flat list [name, value, name, value, …] with lower-case
// names. It beats objects and maps for the two dozen fields a message has, and keeps order and
// repetition (RFC 9110 §5.3).

/** [name, value, …]; names are lower case. */
export type HeaderList = string[];

/** Value of the first field of that (lower-case) name, or null. */
export function headerValue(headers: readonly string[], name: string): string | null {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return headers[i + 1] as string;
  }
  return null;
}

/** All values of that name joined with a comma (RFC 9110 §5.3), or null when there is none. */
export function joinedHeaderValue(headers: readonly string[], name: string): string | null {
  let joined: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name) continue;
    const value = headers[i + 1] as string;
    joined = joined === null ? value : `${joined}, ${value}`;
  }
  return joined;
}

export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return true;
  return false;
}

/** Adds a field after the others. */
export function appendHeader(headers: HeaderList, name: string, value: string): void {
  headers.push(name, value);
}

/** Replaces the first field of that name and removes the others; appends when there was none. */
export function setHeader(headers: HeaderList, name: string, value: string): void {
  let kept = false;
  let to = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const isMatch = headers[i] === name;
    if (isMatch && kept) continue;
    headers[to] = headers[i] as string;
    headers[to + 1] = isMatch ? value : (headers[i + 1] as string);
    kept ||= isMatch;
    to += 2;
  }
  headers.length = to;
  if (!kept) headers.push(name, value);
}

/** Removes every field of that name; true when there was one. */
export function removeHeader(headers: HeaderList, name: string): boolean {
  let to = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) continue;
    if (to !== i) {
      headers[to] = headers[i] as string;
      headers[to + 1] = headers[i + 1] as string;
    }
    to += 2;
  }
  const removed = to !== headers.length;
  headers.length = to;
  return removed;
}
