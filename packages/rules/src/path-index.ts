// Which routes of a virtual host a path can meet, without looking at each. Exact paths and prefixes
// hang in one radix tree that is walked once along the path; routes that a tree cannot hold
// (regular expressions, case-insensitive paths) are always candidates. The answer is a few
// ascending lists of route indices: taking the smallest of them first keeps the order of the table,
// so that the first match wins as without an index.

import type { RouteRow } from "./tables.ts";

/** A place in the tree: what the path is made of up to here, and the routes that end here. */
class PathNode {
  /** Text from the parent to here. */
  text: string;
  exact: number[] | null = null;
  prefix: number[] | null = null;
  /** Prefixes that end at a segment's end only. */
  segment: number[] | null = null;
  /** First character codes of the children's texts, and the children, in parallel. */
  codes: number[] = [];
  children: PathNode[] = [];

  constructor(text: string) {
    this.text = text;
  }
}

const slash = 0x2f;

export class PathIndex {
  readonly #root = new PathNode("");
  readonly #unindexed: readonly number[];
  readonly #connects: readonly number[];

  constructor(routes: readonly RouteRow[]) {
    const unindexed: number[] = [];
    const connects: number[] = [];
    for (const { index, match } of routes) {
      if (match.path === "connect") connects.push(index);
      else if (match.path === "regex" || match.ignoreCase) unindexed.push(index);
      else (nodeAt(this.#root, match.value)[fieldOf(match.path)] ??= []).push(index);
    }
    this.#unindexed = unindexed;
    this.#connects = connects;
  }

  /** Routes for CONNECT requests. */
  get connects(): readonly number[] {
    return this.#connects;
  }

  /**
   * Puts the candidate lists of a path into `lists` from the start and answers how many there are.
   */
  find(path: string, lists: (readonly number[])[]): number {
    let count = 0;
    if (this.#unindexed.length > 0) lists[count++] = this.#unindexed;
    let node: PathNode | null = this.#root;
    let at = 0;
    while (node !== null) {
      if (node.prefix !== null) lists[count++] = node.prefix;
      const isEnd = at === path.length;
      if (node.segment !== null && (isEnd || path.charCodeAt(at) === slash)) {
        lists[count++] = node.segment;
      }
      if (isEnd) {
        if (node.exact !== null) lists[count++] = node.exact;
        break;
      }
      node = childAlong(node, path, at);
      if (node !== null) at += node.text.length;
    }
    return count;
  }
}

function fieldOf(kind: "exact" | "prefix" | "segment-prefix"): "exact" | "prefix" | "segment" {
  return kind === "segment-prefix" ? "segment" : kind;
}

function childAlong(node: PathNode, path: string, at: number): PathNode | null {
  const i = node.codes.indexOf(path.charCodeAt(at));
  if (i < 0) return null;
  const child = node.children[i] as PathNode;
  return child.text.length === 1 || path.startsWith(child.text, at) ? child : null;
}

/** The node at the end of `text`, made where it is missing. */
function nodeAt(root: PathNode, text: string): PathNode {
  let node = root;
  let rest = text;
  while (rest !== "") {
    const i = node.codes.indexOf(rest.charCodeAt(0));
    if (i < 0) {
      const leaf = new PathNode(rest);
      node.codes.push(rest.charCodeAt(0));
      node.children.push(leaf);
      return leaf;
    }
    const child = node.children[i] as PathNode;
    const shared = sharedLength(child.text, rest);
    if (shared < child.text.length) node.children[i] = split(child, shared);
    node = node.children[i] as PathNode;
    rest = rest.slice(shared);
  }
  return node;
}

/** A new node above `child`, which keeps what lies after `length` characters. */
function split(child: PathNode, length: number): PathNode {
  const above = new PathNode(child.text.slice(0, length));
  above.codes.push(child.text.charCodeAt(length));
  above.children.push(child);
  child.text = child.text.slice(length);
  return above;
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
