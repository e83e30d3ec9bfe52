import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { canReplaceProcess } from "./process-image.ts";

const skip = canReplaceProcess() ? false : "without FFI there is none";
const module = new URL("./process-image.ts", import.meta.url).href;
const flags = ["--conditions=@weft/source", "--disable-warning=ExperimentalWarning"];
const node = [process.execPath, ...flags, "--input-type=module", "-e"];
const imports = `import fs from "node:fs";
  import { childEnd, replaceProcess } from ${JSON.stringify(module)};`;

/** Runs a command in a process of its own; answers what it printed. */
async function run(...command: readonly string[]): Promise<string> {
  const [file = "", ...args] = command;
  return (await promisify(execFile)(file, args)).stdout;
}

test("a process becomes another program, keeping its number and a descriptor", {
  skip,
}, async () => {
  const look = `echo $$ $MARK
    [ -e /proc/$$/fd/$0 ] && echo kept; [ -e /proc/$$/fd/$1 ] || echo closed`;
  const script = `${imports}
    const open = () => String(fs.openSync(process.execPath, "r"));
    const [kept, other] = [open(), open()];
    fs.writeSync(1, process.pid + "\\n");
    const args = ["-c", process.argv[1], kept, other];
    replaceProcess("/bin/sh", args, { MARK: "new" }, [Number(kept)]);`;
  const [pid, ...lines] = (await run(...node, script, look)).trim().split("\n");
  assert.deepEqual(lines, [`${pid} new`, "kept", "closed"]);
});

test("a program that cannot be run is an error, and the process goes on", { skip }, async () => {
  const script = `${imports}
    try { replaceProcess("/no/such/program", [], {}, []); }
    catch (error) { console.log(error.code); }`;
  assert.equal(await run(...node, script), "ENOENT\n");
});

test("a child that this image did not start is reaped with its code or signal", {
  skip,
}, async () => {
  // The shell makes the child and becomes Node, which knows nothing of it.
  const script = `${imports}
    const patience = setTimeout(() => {}, 10_000);
    console.log(JSON.stringify(await childEnd(Number(process.argv[1]))));
    clearTimeout(patience);`;
  const under = async (child: string): Promise<unknown> =>
    JSON.parse(await run("/bin/sh", "-c", `${child} & exec "$0" "$@" $!`, ...node, script));
  assert.deepEqual(await under("(sleep 0.5; exit 7)"), { kind: "exited", code: 7 });
  assert.deepEqual(await under("sh -c 'sleep 0.5; kill -TERM $$'"), {
    kind: "signalled",
    signal: 15,
  });
});
