import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { customResourceDefinition } from "./custom-resource-definition.ts";
import { kinds, storedKinds } from "./kinds.ts";
import type { JsonSchema } from "./published-schema.ts";

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly scope: string;
    readonly names: JsonSchema;
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: JsonSchema };
      readonly additionalPrinterColumns: readonly JsonSchema[];
      readonly subresources?: JsonSchema;
    }[];
  };
}

describe("customResourceDefinition", () => {
  it("is there for our own kinds", () => {
    for (const info of storedKinds) {
      const definition = customResourceDefinition(info) as Definition | null;
      assert.equal(definition !== null, info.group === "weft.dev", info.kind);
      const stored = definition?.spec.versions.filter((version) => version.storage) ?? [];
      assert.equal(stored.length, definition === null ? 0 : 1);
    }
  });

  it("has names, scope, columns and the status subresource", () => {
    const definition = customResourceDefinition(kinds.Workload) as unknown as Definition;
    assert.equal(definition.metadata.name, "workloads.weft.dev");
    assert.equal(definition.spec.scope, "Namespaced");
    assert.deepEqual(definition.spec.names, {
      kind: "Workload",
      listKind: "WorkloadList",
      plural: "workloads",
      singular: "workload",
      shortNames: ["wl"],
      categories: ["weft"],
    });
    const [version] = definition.spec.versions;
    assert.deepEqual(version?.subresources, { status: {} });
    assert.deepEqual(
      version?.additionalPrinterColumns.map((column) => column["name"]),
      ["Ready", "Account", "Address", "Ports", "Age", "Proxy", "Config", "Zone"],
    );
    assert.equal(version?.additionalPrinterColumns[4]?.["type"], "date");
  });

  it("is plain data in the structural form", () => {
    for (const info of storedKinds) {
      const definition = customResourceDefinition(info);
      assert.deepEqual(JSON.parse(JSON.stringify(definition)), definition);
      assert.doesNotMatch(JSON.stringify(definition), /"rules":\[(null|\])|x-kubernetes-patch/);
    }
    const definition = customResourceDefinition(kinds.TrafficPolicy) as unknown as Definition;
    const schema = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
    assert.deepEqual(schema["required"], ["spec"]);
    const on = ["spec", "retry", "on"].reduce(propertyOf, schema);
    assert.deepEqual(on["items"], {
      anyOf: [{ type: "integer" }, { type: "string" }],
      "x-kubernetes-int-or-string": true,
    });
  });
});

function propertyOf(schema: JsonSchema, name: string): JsonSchema {
  const property = (schema["properties"] as Record<string, JsonSchema>)[name];
  assert.ok(property !== undefined, name);
  return property;
}
