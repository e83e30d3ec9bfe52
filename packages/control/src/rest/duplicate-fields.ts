// Finds fields that a JSON text gives twice in one object. The text is known to be valid JSON, so
// the scan only follows strings, braces, brackets and commas.

/** Paths such as `spec.ports[0].name`, in the order of their second appearance. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const open: Level[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    const level = open.at(-1);
    if (character === '"') {
      const end = stringEnd(text, at);
      if (level?.isObject === true && level.isKeyNext) {
        level.key = JSON.parse(text.slice(at, end)) as string;
        level.isKeyNext = false;
        if (level.keys.has(level.key)) found.push(pathOf(open));
        level.keys.add(level.key);
      }
      at = end;
      continue;
    }
    if (character === "{" || character === "[") open.push(newLevel(character === "{"));
    else if (character === "}" || character === "]") open.pop();
    else if (character === "," && level !== undefined) {
      if (level.isObject) level.isKeyNext = true;
      else level.index++;
    }
    at++;
  }
  return found;
}

interface Level {
  readonly isObject: boolean;
  readonly keys: Set<string>;
  key: string;
  index: number;
  isKeyNext: boolean;
}

function newLevel(isObject: boolean): Level {
  return { isObject, keys: new Set(), key: "", index: 0, isKeyNext: isObject };
}

/** The place after a string's closing quote. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function pathOf(open: readonly Level[]): string {
  let path = "";
  for (const level of open) {
    if (!level.isObject) path += `[${level.index}]`;
    else path += path === "" ? level.key : `.${level.key}`;
  }
  return path;
}
