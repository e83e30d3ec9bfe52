import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allKinds, type KindInfo } from "@weft/api";
import { openapiDocument } from "./openapi.ts";

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly consumes?: readonly string[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly "x-kubernetes-group-version-kind": object;
  readonly operationId: string;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, DocumentSchema>> };
  readonly definitions: Readonly<Record<string, DocumentSchema>>;
}

interface DocumentSchema {
  readonly properties?: Readonly<Record<string, DocumentSchema>>;
  readonly items?: DocumentSchema;
  readonly "x-kubernetes-group-version-kind"?: readonly object[];
  readonly "x-kubernetes-patch-merge-key"?: string;
}

function get(path: string, accept?: string): Document {
  const answer = openapiDocument(path, accept);
  assert.ok(answer !== null && typeof answer.body === "string", path);
  assert.equal(answer.contentType, "application/json");
  return JSON.parse(answer.body) as Document;
}

function documentOf(info: KindInfo, version: string): Document {
  return get(`/openapi/v3/${info.group === "" ? "api" : `apis/${info.group}`}/${version}`);
}

describe("openapiDocument, v3", () => {
  it("has an index with a hash for every group and version", () => {
    const { paths } = get("/openapi/v3") as unknown as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    const expected = allKinds.flatMap(({ group, versions }) => {
      return versions.map((version) =>
        group === "" ? `api/${version}` : `apis/${group}/${version}`,
      );
    });
    assert.deepEqual(Object.keys(paths).toSorted(), [...new Set(expected)].toSorted());
    for (const [start, { serverRelativeURL }] of Object.entries(paths)) {
      const url = new URL(serverRelativeURL, "http://127.0.0.1");
      assert.equal(url.pathname, `/openapi/v3/${start}`);
      const hash = url.searchParams.get("hash");
      assert.equal(openapiDocument(url.pathname)?.etag, `"${hash}"`);
    }
  });

  it("has every kind with its paths, and every reference leads somewhere", () => {
    for (const info of allKinds) {
      for (const version of info.versions) {
        const document = documentOf(info, version);
        const group = { group: info.group, version, kind: info.kind };
        const schemas = Object.values(document.components.schemas);
        const found = schemas.filter((schema) => {
          const kinds = schema["x-kubernetes-group-version-kind"] ?? [];
          return kinds.some((one) => JSON.stringify(one) === JSON.stringify(group));
        });
        assert.equal(found.length, 1, info.kind);
        for (const [, name = ""] of JSON.stringify(document).matchAll(
          /"#\/components\/schemas\/([^"]+)"/g,
        )) {
          assert.ok(Object.hasOwn(document.components.schemas, name), name);
        }
      }
    }
  });

  it("says which parameters a write takes, and strategic merge only of core kinds", () => {
    for (const info of allKinds) {
      const document = documentOf(info, info.version);
      const own = Object.values(document.paths).flatMap((item) => Object.entries(item));
      const operations = own.filter(([, operation]) => {
        const kind = operation["x-kubernetes-group-version-kind"] as { kind?: string } | undefined;
        return kind?.kind === info.kind;
      });
      assert.ok(operations.length > 0, info.kind);
      for (const [method, { parameters, requestBody }] of operations) {
        const names = parameters.map((parameter) => parameter.name);
        if (method === "get") continue;
        assert.ok(names.includes("dryRun"), method);
        if (method === "delete") continue;
        assert.ok(names.includes("fieldManager") && names.includes("fieldValidation"), method);
        if (method !== "patch") continue;
        assert.ok(names.includes("force"));
        const types = Object.keys(requestBody?.content ?? {});
        assert.equal(types.includes("application/strategic-merge-patch+json"), info.isCore);
      }
    }
  });

  it("names each operation once", () => {
    const documents = [...new Set(allKinds.map((info) => documentOf(info, info.version)))];
    for (const { paths } of documents) {
      const ids = Object.values(paths).flatMap((item) => {
        return Object.values(item).flatMap((operation) => operation.operationId ?? []);
      });
      assert.equal(new Set(ids).size, ids.length);
    }
  });

  it("keeps what strategic merge needs, and no checks", () => {
    const schemas = get("/openapi/v3/api/v1").components.schemas;
    const spec = schemas["io.k8s.api.core.v1.Service"]?.properties?.["spec"];
    assert.equal(spec?.properties?.["ports"]?.["x-kubernetes-patch-merge-key"], "port");
    assert.doesNotMatch(JSON.stringify(schemas), /"rules":\[null/);
  });

  it("is silent about what is not there", () => {
    for (const path of [
      "/openapi",
      "/openapi/v3/api/v2",
      "/openapi/v3/constructor",
      "/openapi/v4",
    ]) {
      assert.equal(openapiDocument(path), null, path);
    }
  });
});

describe("openapiDocument, v2", () => {
  it("has every kind as JSON, int-or-string as a format", () => {
    const { definitions, paths } = get("/openapi/v2");
    assert.ok(definitions["dev.weft.v1alpha1.Workload"] !== undefined);
    assert.deepEqual(definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"], {
      type: "string",
      format: "int-or-string",
      description: "A number, or a name.",
    });
    const patch = paths["/api/v1/namespaces/{namespace}/services/{name}"]?.["patch"];
    assert.ok(patch?.consumes?.includes("application/strategic-merge-patch+json"));
  });

  it("comes as protobuf to who asks for it, under the name that clients can parse", () => {
    for (const at of ["@", "."]) {
      const accept = `application/com.github.proto-openapi.spec.v2${at}v1.0+protobuf`;
      const answer = openapiDocument("/openapi/v2", accept);
      assert.ok(answer !== null && typeof answer.body !== "string");
      assert.equal(
        answer.contentType,
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
      );
      const document = decode(answer.body);
      assert.deepEqual(document.get(1)?.map(text), ["2.0"]);
      const json = get("/openapi/v2");
      assert.deepEqual(names(document, 8, 2), Object.keys(json.paths));
      assert.deepEqual(names(document, 9, 1), Object.keys(json.definitions));
    }
  });

  it("encodes schemas with their types, references and extensions", () => {
    const answer = openapiDocument(
      "/openapi/v2",
      "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    );
    assert.ok(answer !== null && typeof answer.body !== "string");
    const definitions = decode(one(decode(answer.body), 9)).get(1) ?? [];
    const entry = definitions
      .map(decode)
      .find((named) => text(one(named, 1)).endsWith("v1.Service"));
    assert.ok(entry !== undefined);
    const schema = decode(one(entry, 2));
    assert.equal(text(one(decode(one(schema, 22)), 1)), "object");
    const extension = decode(one(schema, 31));
    assert.equal(text(one(extension, 1)), "x-kubernetes-group-version-kind");
    assert.deepEqual(JSON.parse(text(one(decode(one(extension, 2)), 2))), [
      { group: "", version: "v1", kind: "Service" },
    ]);
    const properties = (decode(one(schema, 25)).get(1) ?? []).map(decode);
    const metadata = properties.find((named) => text(one(named, 1)) === "metadata");
    assert.ok(metadata !== undefined);
    assert.equal(
      text(one(decode(one(metadata, 2)), 1)),
      "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
    );
  });
});

type Message = Map<number, Uint8Array[]>;

/** The length-delimited fields of a message; the encoder writes nothing else but flags. */
function decode(bytes: Uint8Array): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (tag % 8 === 0) {
      varint();
      continue;
    }
    assert.equal(tag % 8, 2);
    const length = varint();
    message.set(number, [...(message.get(number) ?? []), bytes.subarray(at, at + length)]);
    at += length;
  }
  return message;
}

function one(message: Message, number: number): Uint8Array {
  const [first] = message.get(number) ?? [];
  assert.ok(first !== undefined, `no field ${number}`);
  return first;
}

function names(message: Message, number: number, inner: number): string[] {
  const entries = decode(one(message, number)).get(inner) ?? [];
  return entries.map((entry) => text(one(decode(entry), 1)));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
