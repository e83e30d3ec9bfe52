// What one row of the differential test is: objects, and requests that have to be treated alike by
// the built-in proxy and by Envoy.

import type { Recorder } from "./recorder.ts";

export interface DifferentialCase {
  /** Also the name of the Service that is called, unless a request names another host. */
  readonly name: string;
  /** `spec.rules` of an HTTPRoute for that Service, as YAML; absent: no route. */
  readonly rules?: string;
  /** Further objects, as YAML documents. */
  readonly objects?: string;
  /** Ports of the Service beside 80. */
  readonly ports?: readonly number[];
  /** Which program answers for the Service itself; default `v1`. */
  readonly program?: ProgramName;
  /** Makes the programs answer otherwise while the case runs. */
  readonly prepare?: (programs: Readonly<Record<ProgramName, Recorder>>) => void;
  readonly requests: readonly (string | DifferentialRequest)[];
  /** Where they legitimately differ. */
  readonly differs?: readonly KnownDifference[];
}

/** `v1` and `v2` have sidecars; `bare` and `other` have none. */
export type ProgramName = "v1" | "v2" | "bare" | "other";

export interface DifferentialRequest {
  /** `METHOD target`, then a line for each header. */
  readonly text: string;
  /** With `content-length`, unless the text frames it otherwise. */
  readonly body?: string;
  /** What follows once the answer's head is there: bytes of an upgraded or tunnelled connection. */
  readonly after?: string;
  /** How many are sent at the same moment; their statuses are compared, in order of size. */
  readonly parallel?: number;
}

export interface KnownDifference {
  /** Heading of a section in docs/reference/data-planes.md. */
  readonly row: string;
  /** First line of the request. */
  readonly request: string;
  /** As printed: `what: built-in | Envoy`. */
  readonly lines: readonly string[];
}
