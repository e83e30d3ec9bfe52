// The demo shop as data: which programs run, in which language, as which service and version.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";

export interface ShopProgram {
  readonly service: string;
  readonly version: string;
  /** False for the visitor, which only calls. */
  readonly hasPort: boolean;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Where the example's package was installed. */
export function shopDirectory(): string {
  const require = createRequire(import.meta.url);
  return path.dirname(require.resolve("@weft/example-shop/package.json"));
}

/** Five services, one of them twice, and a visitor. Python and Perl where they are installed. */
export function shopPrograms(directory: string): ShopProgram[] {
  const file = (name: string): string => path.join(directory, "services", name);
  const node = process.execPath;
  const script = (name: string): readonly string[] => [node, file(`${name}.js`)];
  const has = (program: string): boolean =>
    spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
  const service = (
    name: string,
    command: readonly string[],
    version = "v1",
    hasPort = true,
  ): ShopProgram => ({
    service: name,
    version,
    hasPort,
    command,
    environment: { VERSION: version },
  });
  return [
    service("catalog", script("catalog"), "v1"),
    service("catalog", script("catalog"), "v2"),
    service("cart", script("cart")),
    service("reviews", has("python3") ? ["python3", file("reviews.py")] : script("reviews")),
    service("stock", has("perl") ? ["perl", file("stock.pl")] : script("stock")),
    service("web", script("web")),
    service("traffic", script("traffic"), "", false),
  ];
}
