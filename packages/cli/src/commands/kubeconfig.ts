// `weft kubeconfig`: a file with which kubectl talks to this control plane.

import type { Command } from "commander";
import { type CliContext, resolveNamespace, resolveServer } from "../context.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { yamlText } from "../yaml-text.ts";

export function defineKubeconfig(program: Command, context: CliContext): void {
  program
    .command("kubeconfig")
    .description(
      "print a kubeconfig: weft kubeconfig > weft.yaml; kubectl --kubeconfig weft.yaml get services",
    )
    .addOption(serverOption())
    .addOption(namespaceOption())
    .addOption(outputOption("yaml", "json"))
    .action((flags: { server?: string; namespace?: string; output?: string }) => {
      const namespace = resolveNamespace(context, flags.namespace);
      const document = {
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "weft", cluster: { server: resolveServer(context, flags.server) } }],
        users: [{ name: "weft", user: {} }],
        contexts: [{ name: "weft", context: { cluster: "weft", user: "weft", namespace } }],
        "current-context": "weft",
      };
      context.stdout.write(
        flags.output === "json" ? `${JSON.stringify(document)}\n` : yamlText(document),
      );
    });
}
