// Where in a resource the compiler is, so that a refusal names resource and field. A path costs
// nothing until it is needed: a scope only knows its parent and its own name.

export interface CompileError {
  /** `Cluster catalog.shop.svc.cluster.local:80` */
  readonly resource: string;
  /**
   * Path of the field in proto names: `circuit_breakers.thresholds[0].max_requests`; "" for the
   * whole.
   */
  readonly field: string;
  readonly reason: string;
}

export class Scope {
  readonly #errors: CompileError[];
  readonly #resource: string;
  readonly #parent: Scope | null;
  readonly #name: string;
  readonly #index: number;

  constructor(
    errors: CompileError[],
    resource: string,
    parent: Scope | null = null,
    name = "",
    index = -1,
  ) {
    this.#errors = errors;
    this.#resource = resource;
    this.#parent = parent;
    this.#name = name;
    this.#index = index;
  }

  /** A field of this message. */
  at(name: string): Scope {
    return new Scope(this.#errors, this.#resource, this, name);
  }

  /** An element of a repeated field. */
  item(name: string, index: number): Scope {
    return new Scope(this.#errors, this.#resource, this, name, index);
  }

  /** Records why; answers null, so that a compiler can return it. */
  refuse(reason: string): null {
    this.#errors.push({ resource: this.#resource, field: this.#path(), reason });
    return null;
  }

  get errorCount(): number {
    return this.#errors.length;
  }

  /** Refuses by name every field that is set and not among `known`. */
  refuseOthers(message: object, known: ReadonlySet<string>): void {
    for (const name in message) {
      if (known.has(name)) continue;
      const value: unknown = message[name as keyof typeof message];
      if (isSet(name, value))
        this.at(protoName(name)).refuse("not supported by the built-in proxy");
    }
  }

  #path(): string {
    const own = this.#index < 0 ? this.#name : `${this.#name}[${this.#index}]`;
    const before = this.#parent === null ? "" : this.#parent.#path();
    return before === "" ? own : `${before}.${own}`;
  }
}

/**
 * Fields that are maps: without keys they are absent, where an empty message is one that was set.
 */
const mapFields: ReadonlySet<string> = new Set([
  "filterMetadata",
  "namedEndpoints",
  "typedExtensionProtocolOptions",
  "typedFilterMetadata",
  "typedPerFilterConfig",
]);

/** Whether a decoded field differs from what is decoded when it is absent. */
function isSet(name: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== "object")
    return value !== "" && value !== 0 && value !== false && value !== 0n;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0;
  return !mapFields.has(name) || Object.keys(value).length > 0;
}

/** `maxRequestsPerConnection` is `max_requests_per_connection`. */
function protoName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
