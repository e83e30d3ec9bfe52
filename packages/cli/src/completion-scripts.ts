// Completion scripts for shells, from one table.

export interface CompletionTable {
  /** Path of a command (`token create`, "" for the root) → the words that may follow. */
  readonly words: ReadonlyMap<string, readonly string[]>;
  /** Path and flag (`get -o`) → the values it takes; none listed: the shell offers files. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

export const completionScripts: Readonly<
  Record<"bash" | "zsh" | "fish", (table: CompletionTable) => string>
> = { bash, zsh, fish };

/** The command path is the leading words that are commands; bash and zsh find it the same way. */
function finder(table: CompletionTable, from: string): string {
  const paths = [...table.words.keys()].filter((path) => path !== "");
  return `  local taken="" word candidate candidates="" files=""
  for word in ${from}; do
    # What follows is another program's.
    if [ "$word" = "--" ]; then files=1; break; fi
    candidate="\${taken:+$taken }$word"
    case "$candidate" in
      ${paths.map((path) => `"${path}"`).join("|")}) taken="$candidate" ;;
    esac
  done
  case "$taken" in
${rows(table.words, (words) => `candidates="${words.join(" ")}"`)}
  esac
  case "\${taken:+$taken }$previous" in
${rows(table.values, (values) => (values.length === 0 ? "candidates=; files=1" : `candidates="${values.join(" ")}"`))}
  esac`;
}

/** One branch per different list of words. */
function rows(
  map: ReadonlyMap<string, readonly string[]>,
  act: (words: readonly string[]) => string,
): string {
  const keysOf = new Map<string, string[]>();
  for (const [key, words] of map) {
    const command = act(words);
    keysOf.set(command, [...(keysOf.get(command) ?? []), `"${key}"`]);
  }
  return [...keysOf].map(([command, keys]) => `    ${keys.join("|")}) ${command} ;;`).join("\n");
}

function bash(table: CompletionTable): string {
  return `# weft completion for bash
_weft() {
  local previous="\${COMP_WORDS[COMP_CWORD-1]}"
${finder(table, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  # Nothing of ours: \`complete -o default\` then offers files.
  if [ -n "$files" ]; then COMPREPLY=(); return; fi
  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _weft weft
`;
}

function zsh(table: CompletionTable): string {
  return `#compdef weft
_weft() {
  local previous="\${words[CURRENT-1]}"
${finder(table, '"${(@)words[2,CURRENT-1]}"')}
  if [ -n "$files" ]; then _files; else compadd -- \${=candidates}; fi
}
compdef _weft weft
`;
}

function fish(table: CompletionTable): string {
  const lines: string[] = [];
  for (const [path, words] of table.words) {
    const condition = fishCondition(path);
    for (const word of words) {
      if (!word.startsWith("-")) lines.push(`complete -c weft -n '${condition}' -f -a ${word}`);
      else if (word.startsWith("--")) lines.push(fishFlag(table, path, word, condition));
    }
  }
  return `# weft completion for fish\n${lines.join("\n")}\n`;
}

function fishCondition(path: string): string {
  if (path === "") return "__fish_use_subcommand";
  return path
    .split(" ")
    .map((name) => `__fish_seen_subcommand_from ${name}`)
    .join("; and ");
}

function fishFlag(table: CompletionTable, path: string, flag: string, condition: string): string {
  const values = table.values.get(`${path} ${flag}`.trim());
  const takes =
    values === undefined ? "" : values.length === 0 ? " -r" : ` -x -a '${values.join(" ")}'`;
  return `complete -c weft -n '${condition}' -l ${flag.slice(2)}${takes}`;
}
