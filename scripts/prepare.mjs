// Generates the xDS messages (JavaScript and declarations) from the installed `.proto` files and
// our own `weft.v1` ones. Runs after `npm ci`, on Node 20; skipped when its inputs have not
// changed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const out = path.join(root, "packages/xds/messages");
const stampFile = path.join(out, ".stamp");
const own = path.join(root, "packages/xds/protos");
const bundle = path.join(root, "node_modules/@grpc/grpc-js-xds/deps");
const roots = [
  own,
  ...["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((d) => path.join(bundle, d)),
];

/** The files whose closure is generated: what the two planes say to each other, nothing more. */
const entries = [
  "envoy/service/discovery/v3/discovery.proto",
  "envoy/service/discovery/v3/ads.proto",
  "envoy/config/listener/v3/listener.proto",
  "envoy/config/route/v3/route.proto",
  "envoy/config/cluster/v3/cluster.proto",
  "envoy/config/endpoint/v3/endpoint.proto",
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.proto",
  "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.proto",
  "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
  "envoy/extensions/transport_sockets/tls/v3/tls.proto",
  "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto",
  "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto",
  "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
  "google/rpc/status.proto",
  "weft/v1/agent.proto",
  "weft/v1/identity.proto",
];

const options = [
  "importSuffix=.ts",
  "enumsAsLiterals=true",
  "esModuleInterop=true",
  "outputServices=none",
  "outputJsonMethods=to-only",
  "outputPartialMethods=true",
  "comments=false",
  "oneof=unions",
  "forceLong=bigint",
  "useOptionals=none",
  "useExactTypes=false",
  "env=node",
];

const bin = (name) => path.join(root, "node_modules/.bin", name);

/** Copies the import closure of `entries` into `dir`; answers the texts' hash. */
function collect(dir) {
  const seen = new Set();
  const queue = [...entries];
  const hash = createHash("sha256").update(options.join(" "));
  for (const tool of ["ts-proto", "@bufbuild/buf", "typescript"]) {
    const manifest = path.join(root, "node_modules", tool, "package.json");
    hash.update(JSON.parse(fs.readFileSync(manifest, "utf8")).version);
  }
  while (queue.length > 0) {
    const name = queue.shift();
    if (seen.has(name) || name.startsWith("google/protobuf/")) continue;
    seen.add(name);
    const source = roots.map((r) => path.join(r, name)).find((f) => fs.existsSync(f));
    if (source === undefined) throw new Error(`prepare: ${name} is in no installed package`);
    // 488 of the bundled files have CRLF endings, and its validate.proto lacks a field that others
    // use.
    let text = fs.readFileSync(source, "utf8").replace(/\r\n/g, "\n");
    if (name === "validate/validate.proto") {
      text = text.replace(/(message StringRules \{)/, "$1\n  optional bool ignore_empty = 26;");
    }
    hash.update(name).update(text);
    if (dir !== null) {
      const copy = path.join(dir, name);
      fs.mkdirSync(path.dirname(copy), { recursive: true });
      fs.writeFileSync(copy, text);
    }
    for (const match of text.matchAll(/^import (?:public )?"([^"]+)"/gm)) queue.push(match[1]);
  }
  return { digest: hash.digest("hex"), files: seen.size };
}

function generate(dir) {
  fs.writeFileSync(path.join(dir, "protos/buf.yaml"), "version: v1\n");
  const template = path.join(dir, "buf.gen.yaml");
  fs.writeFileSync(
    template,
    JSON.stringify({
      version: "v1",
      plugins: [
        {
          name: "ts_proto",
          path: bin("protoc-gen-ts_proto"),
          out: path.join(dir, "ts"),
          strategy: "all",
          opt: options,
        },
      ],
    }),
  );
  execFileSync(bin("buf"), ["generate", path.join(dir, "protos"), "--template", template], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, BUF_CACHE_DIR: path.join(dir, "cache") },
  });
  fs.writeFileSync(path.join(dir, "package.json"), '{ "type": "module" }\n');
  fs.writeFileSync(
    path.join(dir, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "es2024",
        module: "nodenext",
        types: ["node"],
        typeRoots: [path.join(root, "node_modules/@types")],
        rootDir: "ts",
        outDir: "js",
        declaration: true,
        removeComments: true,
        isolatedDeclarations: true,
        rewriteRelativeImportExtensions: true,
        skipLibCheck: true,
        noCheck: true,
      },
      include: ["ts"],
    }),
  );
  execFileSync(process.execPath, [tsc(), "-p", path.join(dir, "tsconfig.json")], {
    stdio: "inherit",
  });
}

/** Puts the result in place as a whole; another run may be doing the same with equal content. */
function publish(dir) {
  for (let attempt = 0; ; attempt++) {
    try {
      if (fs.existsSync(out)) fs.renameSync(out, path.join(dir, `old-${attempt}`));
      fs.renameSync(path.join(dir, "js"), out);
      return;
    } catch (error) {
      if (attempt === 10 || !["ENOENT", "ENOTEMPTY", "EEXIST"].includes(error.code)) throw error;
    }
  }
}

const tsc = () => path.join(root, "node_modules/typescript/bin/tsc");

function main() {
  if (!fs.existsSync(path.join(root, "node_modules/ts-proto"))) {
    console.log("prepare: development packages are not installed, nothing to generate");
    return;
  }
  const { digest, files } = collect(null);
  if (fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === digest) return;
  const begun = performance.now();
  const dir = fs.mkdtempSync(path.join(root, "packages/xds/.generate-"));
  try {
    collect(path.join(dir, "protos"));
    generate(dir);
    fs.writeFileSync(path.join(dir, "js/.stamp"), digest);
    publish(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`prepare: generated the messages of ${files} .proto files in ${seconds} s`);
}

main();
