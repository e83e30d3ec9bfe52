// The folder and the name of a workload, for the agent that stands for it.

import type { Runtime } from "@weft/runtime";
import { AgentFailure } from "./failure.ts";
import type { AgentOptions } from "./options.ts";
import { WorkloadFolder } from "./workload-folder.ts";

/** Throws an AgentFailure when the data directory cannot be written. */
export function claimFolder(options: AgentOptions): WorkloadFolder {
  try {
    return WorkloadFolder.claim({
      dataDir: options.dataDir,
      namespace: options.namespace,
      service: options.service,
      fingerprint: fingerprintOf(options),
      letters: () => fiveLetters(options.runtime),
      nowMs: options.runtime.clock.nowMs(),
    });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new AgentFailure(
      "data-directory-unusable",
      `cannot write below ${options.dataDir} (${reason})`,
      "Check its owner and free space, or choose another with --data-dir.",
      { cause: error },
    );
  }
}

function fingerprintOf(options: AgentOptions): string {
  const { control, envoy, port, serviceAccount, version } = options;
  const parts = [version, port ?? "", serviceAccount, control];
  // What is kept for an Envoy is of no use to the built-in proxy.
  return [...parts, ...(envoy === null ? [] : ["envoy"])].join("|");
}

/** Kubernetes' alphabet for generated names: no vowels, so no words. */
export function fiveLetters(runtime: Runtime): string {
  const alphabet = "bcdfghjklmnpqrstvwxz";
  let out = "";
  for (let i = 0; i < 5; i++) out += alphabet[runtime.random.integer(alphabet.length)];
  return out;
}
