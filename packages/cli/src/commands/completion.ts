// `weft completion SHELL`: a script that completes commands and flags, made from the tree of
// commands.

import { Argument, type Command } from "commander";
import type { CliContext } from "../context.ts";

export function defineCompletion(program: Command, context: CliContext): void {
  program
    .command("completion")
    .description("print a completion script: source <(weft completion bash)")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .action((shell: "bash" | "zsh" | "fish") => {
      context.stdout.write(scripts[shell](wordTable(program)));
    });
}

/** Path of a command (`token create`, "" for the root) → the words that may follow. */
type WordTable = ReadonlyMap<string, readonly string[]>;

function wordTable(program: Command): WordTable {
  const table = new Map<string, readonly string[]>();
  const visit = (command: Command, path: string): void => {
    const flags = command.options.map((option) => option.long ?? option.short ?? "");
    const names = command.commands.map((child) => child.name());
    table.set(
      path,
      [...names, ...flags, "--help"].filter((word) => word !== ""),
    );
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
  };
  visit(program, "");
  return table;
}

function cases(table: WordTable): string {
  return [...table]
    .map(([path, words]) => `    "${path}") candidates="${words.join(" ")}" ;;`)
    .join("\n");
}

/** The command path is the leading words that are commands; both shells find it the same way. */
function finder(table: WordTable, from: string): string {
  return `  local path="" word candidate candidates=""
  for word in ${from}; do
    candidate="\${path:+$path }$word"
    case "$candidate" in
${[...table.keys()]
  .filter((path) => path !== "")
  .map((path) => `      "${path}") path="$candidate" ;;`)
  .join("\n")}
    esac
  done
  case "$path" in
${cases(table)}
  esac`;
}

const scripts = {
  bash: (table: WordTable): string => `# weft completion for bash
_weft() {
${finder(table, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _weft weft
`,
  zsh: (table: WordTable): string => `#compdef weft
_weft() {
${finder(table, '"${(@)words[2,CURRENT-1]}"')}
  compadd -- \${=candidates}
}
compdef _weft weft
`,
  fish: (table: WordTable): string =>
    `# weft completion for fish\n${[...table]
      .map(([path, words]) => {
        const condition =
          path === ""
            ? "__fish_use_subcommand"
            : `__fish_seen_subcommand_from ${path.split(" ").at(-1) ?? ""}`;
        return words
          .map((word) =>
            word.startsWith("--")
              ? `complete -c weft -n "${condition}" -l ${word.slice(2)}`
              : `complete -c weft -n "${condition}" -f -a ${word}`,
          )
          .join("\n");
      })
      .join("\n")}\n`,
} as const;
