// The connected proxies that a command is about, and what they answer to a question.

import { type CliContext, resolveNamespace } from "./context.ts";
import { type ApiFlags, callControlJson } from "./control-api.ts";
import { CliFailure } from "./failure.ts";

export interface ProxyFlags extends ApiFlags {
  namespace?: string;
  allNamespaces?: boolean;
  output?: string;
}

/** A row of `weft proxy list -o json`. */
export interface ProxyRow {
  readonly proxy: string;
  readonly namespace: string;
  readonly workload: string;
  readonly service: string;
  readonly kind: string;
  readonly version: string;
  readonly sync: string;
  readonly configVersion: string | null;
  readonly connectedAtMs: number;
  readonly nacks: readonly { readonly typeUrl: string; readonly message: string }[];
}

export interface ProxyAnswer {
  readonly proxy: string;
  readonly body: unknown;
}

/** Those of the namespace, or of a workload, or of a service. Fails when `name` leads to none. */
export async function selectProxies(
  context: CliContext,
  flags: ProxyFlags,
  name: string | undefined,
): Promise<ProxyRow[]> {
  const { items } = await callControlJson<{ items: ProxyRow[] }>(
    context,
    flags,
    "/weft/v1/proxies",
  );
  const namespace = resolveNamespace(context, flags.namespace);
  const selected = items.filter((row) => {
    if (flags.allNamespaces !== true && row.namespace !== namespace) return false;
    return name === undefined || row.workload === name || row.service === name;
  });
  if (selected.length > 0 || name === undefined) return selected;
  throw new CliFailure({
    code: "workload-not-connected",
    message: `no connected proxy belongs to "${name}"`,
    hint: "See who is connected with `weft proxy list -A`.",
  });
}

/**
 * Asks all of them at once. One that does not answer is named on standard error; it fails the
 * command only when none answers.
 */
export async function askProxies(
  context: CliContext,
  flags: ProxyFlags,
  rows: readonly ProxyRow[],
  topic: string,
): Promise<ProxyAnswer[]> {
  const answers: ProxyAnswer[] = [];
  const failures: CliFailure[] = [];
  await Promise.all(
    rows.map(async ({ namespace, proxy, workload }) => {
      const target = `/weft/v1/proxies/${namespace}/${workload}/${topic}`;
      try {
        answers.push({ proxy, body: await callControlJson<unknown>(context, flags, target) });
      } catch (error) {
        if (!(error instanceof CliFailure)) throw error;
        failures.push(error);
      }
    }),
  );
  const [first] = failures;
  if (first !== undefined && answers.length === 0) throw first;
  for (const { message } of failures) context.stderr.write(`weft: ${message}\n`);
  return answers.sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
}
