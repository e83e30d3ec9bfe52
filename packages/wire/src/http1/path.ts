// Path normalisation (RFC 3986 §6.2.2, http-cases H28).

/** What to do with %2f, %5c and %2e in a path. */
export type EncodedSeparators = "reject" | "keep" | "decode";

/** The path that is matched and forwarded, or null when it must be refused with 400. */
export declare function normalizePath(path: string, policy: EncodedSeparators): string | null;
