// Calls to the control plane's own endpoints beside the Kubernetes-style API (`/weft/v1/…`), with
// the failures a person may meet told as such.

import { readFileSync } from "node:fs";
import path from "node:path";
import { type CliContext, resolveDataDir, resolveServer } from "./context.ts";
import { CliFailure } from "./failure.ts";

export interface ApiFlags {
  server?: string;
  dataDir?: string;
}

export interface ControlCall {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  /** Sends the local join secret as the caller's proof. */
  readonly asOperator?: boolean;
}

/** One call; answers the response's bytes. Fails with CliFailure. */
export async function callControl(
  context: CliContext,
  flags: ApiFlags,
  target: string,
  call: ControlCall = {},
): Promise<Uint8Array> {
  const server = resolveServer(context, flags.server);
  const headers: Record<string, string> = { accept: "application/json" };
  if (call.body !== undefined) headers["content-type"] = "application/json";
  if (call.asOperator === true) headers["authorization"] = `Bearer ${localSecret(context, flags)}`;
  const response = await reach(server, () =>
    fetch(`${server}${target}`, {
      method: call.method ?? "GET",
      headers,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    }),
  );
  const bytes = await reach(server, async () => new Uint8Array(await response.arrayBuffer()));
  if (!response.ok) throw refusal(server, response.status, bytes);
  return bytes;
}

export async function callControlJson<T>(
  context: CliContext,
  flags: ApiFlags,
  target: string,
  call: ControlCall = {},
): Promise<T> {
  const bytes = await callControl(context, flags, target, call);
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}

/** Turns a failed connection into a sentence; other failures pass. */
export async function reach<T>(server: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = (cause as NodeJS.ErrnoException).code;
    const reason = code ?? (cause instanceof Error ? cause.message : String(cause));
    throw new CliFailure({
      code: "control-plane-unreachable",
      message: `no control plane answers at ${server} (${reason})`,
      hint: "Start one with `weft up`, or name it with --server or WEFT_SERVER.",
      cause: error,
    });
  }
}

function refusal(server: string, status: number, bytes: Uint8Array): CliFailure {
  const text = new TextDecoder().decode(bytes);
  try {
    const body = JSON.parse(text) as {
      error?: { code?: string; message?: string; hint?: string };
      message?: string;
      reason?: string;
    };
    return new CliFailure({
      code: body.error?.code ?? body.reason ?? "request-refused",
      message: body.error?.message ?? body.message ?? `${server} answered ${status}`,
      hint: body.error?.hint ?? "",
    });
  } catch {
    return new CliFailure({
      code: "request-refused",
      message: `${server} answered ${status}: ${text.slice(0, 200)}`,
      hint: "Is this address really a Weft control plane?",
    });
  }
}

function localSecret(context: CliContext, flags: ApiFlags): string {
  const file = path.join(resolveDataDir(context, flags.dataDir), "join-secret");
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new CliFailure({
      code: "local-secret-missing",
      message: `cannot read the local secret ${file} (${(error as NodeJS.ErrnoException).code ?? "?"})`,
      hint: "Run this on the control plane's host as its user, with the same --data-dir.",
      cause: error,
    });
  }
}
