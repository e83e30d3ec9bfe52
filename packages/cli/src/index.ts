export type { CliContext } from "./context.ts";
export { runCommandLine } from "./program.ts";
