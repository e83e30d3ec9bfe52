export type { CliContext } from "./context.ts";
export { buildProgram, runCommandLine } from "./program.ts";
