// Colour, where a person reads: on a terminal that knows it, unless NO_COLOR is set
// (no-color.org). Nothing else decides, so that a log of a build service stays plain.

import pc from "picocolors";
import type { CliContext, OutputStream } from "./context.ts";

export type Colours = ReturnType<typeof pc.createColors>;

export function coloursFor(context: CliContext, stream: OutputStream): Colours {
  const { NO_COLOR: refused = "", TERM: terminal } = context.environment;
  return pc.createColors(stream.isTTY === true && refused === "" && terminal !== "dumb");
}
