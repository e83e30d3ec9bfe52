// Finds a program as a shell would, without running it.

import { accessSync, constants } from "node:fs";
import path from "node:path";

/** The first of the folders that has it; null when none has. */
export function findExecutable(name: string, folders: readonly string[]): string | null {
  for (const folder of folders) {
    if (folder === "") continue;
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there, or not to be executed: the next folder.
    }
  }
  return null;
}
