import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { restPath } from "@weft/api";
import { readManifests } from "./manifests.ts";

let dir = "";
before(() => {
  dir = mkdtempSync(path.join(tmpdir(), "weft-manifests-"));
});
after(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const full = path.join(dir, name);
  writeFileSync(full, text);
  return full;
}

const service = "apiVersion: v1\nkind: Service\nmetadata: { name: a }\n";
const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: n }\n";

test("documents and Lists are taken apart, Namespaces come first, namespaces are filled in", () => {
  const list = `apiVersion: v1\nkind: List\nitems:\n  - { apiVersion: v1, kind: ConfigMap, metadata: { name: b, namespace: other } }\n`;
  const found = readManifests(
    [file("all.yaml", `${service}---\n${list}---\n---\n${namespace}`)],
    "shop",
  );
  assert.deepEqual(
    found.map(({ object }) => [object.kind, object.metadata.name, object.metadata.namespace]),
    [
      ["Namespace", "n", undefined],
      ["Service", "a", "shop"],
      ["ConfigMap", "b", "other"],
    ],
  );
});

test("an object of an older version goes to the API under that version", () => {
  const text =
    "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: HTTPRoute\nmetadata: { name: r }\n";
  const [manifest] = readManifests([file("old.yaml", text)], "shop");
  assert.ok(manifest !== undefined);
  assert.match(
    restPath(manifest.info, "shop", "r"),
    /^\/apis\/gateway\.networking\.k8s\.io\/v1beta1\//,
  );
});

test("a folder is its YAML and JSON files, by name", () => {
  const folder = path.join(dir, "folder");
  mkdirSync(folder);
  writeFileSync(
    path.join(folder, "2.json"),
    JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name: "two" } }),
  );
  writeFileSync(path.join(folder, "1.yml"), service);
  writeFileSync(path.join(folder, "notes.txt"), "not ours");
  assert.deepEqual(
    readManifests([folder], "x").map(({ object }) => object.metadata.name),
    ["a", "two"],
  );
});

test("what cannot be applied is named with its place, and a code", () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      "a: 1\n b: 2\n",
      "yaml-broken",
      /bad\.yaml:1:4: Nested mappings are not allowed in compact mappings$/,
    ],
    ["a: 1\na: 2\n", "yaml-broken", /bad\.yaml:2:1: .*unique/],
    ["just text\n", "object-invalid", /not an object with apiVersion and kind/],
    ["kind: Service\n", "object-invalid", /not an object with apiVersion and kind/],
    ["apiVersion: v1\nkind: Service\n", "object-invalid", /metadata\.name: Required/],
    ["apiVersion: v1\nkind: Pod\nmetadata: { name: a }\n", "kind-unknown", /no kind Pod in v1/],
    ["# nothing\n", "no-objects", /no objects in/],
    [`${service}---\nkind: x\n`, "object-invalid", /\(document 2\)/],
  ];
  for (const [text, code, message] of cases) {
    assert.throws(() => readManifests([file("bad.yaml", text)], "x"), { code, message });
  }
  assert.throws(() => readManifests([path.join(dir, "none.yaml")], "x"), {
    code: "file-unreadable",
    message: /ENOENT/,
  });
});
