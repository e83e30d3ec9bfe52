// Sets of fields of an object, as managedFields records them: a trie whose steps are written as in
// FieldsV1: `f:<name>` a field, `k:<keys>` an item of a keyed list, `v:<value>` a member of a set.
// (https://kubernetes.io/docs/reference/using-api/server-side-apply/)

export type FieldsV1 = { [step: string]: FieldsV1 };

export class FieldSet {
  /** Whether the field this node stands for is in the set, not only fields below it. */
  isMember: boolean = false;
  readonly below: Map<string, FieldSet> = new Map();

  get isEmpty(): boolean {
    return !this.isMember && this.below.size === 0;
  }

  /** The node at `step`, made if need be. */
  at(step: string): FieldSet {
    let node = this.below.get(step);
    if (node === undefined) {
      node = new FieldSet();
      this.below.set(step, node);
    }
    return node;
  }

  insert(path: readonly string[]): void {
    this.reach(path).isMember = true;
  }

  /** The node at the end of `path`, made if need be. */
  reach(path: readonly string[]): FieldSet {
    const [step, ...rest] = path;
    return step === undefined ? this : this.at(step).reach(rest);
  }

  /** Members as paths, depth first. */
  paths(): string[][] {
    const found: string[][] = [];
    const walk = (node: FieldSet, path: string[]): void => {
      if (node.isMember) found.push(path);
      for (const [step, child] of node.below) walk(child, [...path, step]);
    };
    walk(this, []);
    return found;
  }
}

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  const result = new FieldSet();
  result.isMember = a.isMember || b.isMember;
  for (const [step, child] of a.below) {
    result.below.set(step, unionOf(child, b.below.get(step) ?? none));
  }
  for (const [step, child] of b.below) {
    if (!a.below.has(step)) result.below.set(step, unionOf(none, child));
  }
  return result;
}

/** Members of `a` that are not members of `b`; fields below a member count for themselves. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  const result = new FieldSet();
  result.isMember = a.isMember && !b.isMember;
  for (const [step, child] of a.below) {
    const rest = differenceOf(child, b.below.get(step) ?? none);
    if (!rest.isEmpty) result.below.set(step, rest);
  }
  return result;
}

export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  const result = new FieldSet();
  result.isMember = a.isMember && b.isMember;
  for (const [step, child] of a.below) {
    const other = b.below.get(step);
    if (other === undefined) continue;
    const shared = intersectionOf(child, other);
    if (!shared.isEmpty) result.below.set(step, shared);
  }
  return result;
}

export function isSameSet(a: FieldSet, b: FieldSet): boolean {
  if (a.isMember !== b.isMember || a.below.size !== b.below.size) return false;
  for (const [step, child] of a.below) {
    const other = b.below.get(step);
    if (other === undefined || !isSameSet(child, other)) return false;
  }
  return true;
}

const none = new FieldSet();

export function toFieldsV1(set: FieldSet): FieldsV1 {
  const fields: FieldsV1 = {};
  if (set.isMember && set.below.size > 0) fields["."] = {};
  for (const step of [...set.below.keys()].sort()) {
    fields[step] = toFieldsV1(set.below.get(step) ?? none);
  }
  return fields;
}

/** Null when the value is not the FieldsV1 of any set. */
export function fromFieldsV1(fields: unknown): FieldSet | null {
  const set = new FieldSet();
  return fill(set, fields) ? set : null;
}

function fill(set: FieldSet, fields: unknown): boolean {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return false;
  for (const [step, below] of Object.entries(fields)) {
    if (step === ".") {
      set.isMember = true;
      continue;
    }
    if (!/^[fkvi]:/.test(step)) return false;
    const node = set.at(step);
    if (!fill(node, below)) return false;
    if (node.below.size === 0) node.isMember = true;
  }
  return true;
}

/** `.spec.ports[port=80,protocol="TCP"].name`, as conflicts name fields. */
export function showPath(path: readonly string[]): string {
  return path.map(showStep).join("");
}

function showStep(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith("f:")) return `.${rest}`;
  if (step.startsWith("k:")) {
    const keys = JSON.parse(rest) as Record<string, unknown>;
    const pairs = Object.entries(keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    return `[${pairs.join(",")}]`;
  }
  return step.startsWith("v:") ? `[=${rest}]` : `[${rest}]`;
}
