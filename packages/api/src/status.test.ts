import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kinds } from "./kinds.ts";
import { failure, invalid, isStatus } from "./status.ts";

const required = {
  path: "spec.a",
  reason: "FieldValueRequired",
  message: "Required value",
} as const;

describe("Status", () => {
  it("lists every field error, as text and as causes", () => {
    const second = { ...required, path: "spec.b" };
    const status = invalid(kinds.HTTPRoute, "web", [required, second]);
    assert.equal(status.code, 422);
    assert.equal(
      status.message,
      'HTTPRoute.gateway.networking.k8s.io "web" is invalid: ' +
        "[spec.a: Required value, spec.b: Required value]",
    );
    assert.deepEqual(status.details, {
      name: "web",
      group: "gateway.networking.k8s.io",
      kind: "HTTPRoute",
      causes: [
        { reason: "FieldValueRequired", message: "Required value", field: "spec.a" },
        { reason: "FieldValueRequired", message: "Required value", field: "spec.b" },
      ],
    });
  });

  it("needs no brackets for one", () => {
    const status = invalid(kinds.Service, "web", [required]);
    assert.equal(status.message, 'Service "web" is invalid: spec.a: Required value');
  });

  it("comes with the code of its reason", () => {
    assert.equal(failure("Conflict", "changed").code, 409);
    assert.equal(failure("Expired", "too old").code, 410);
    assert.equal(isStatus(failure("NotFound", "gone")), true);
    assert.equal(isStatus({ kind: "Service", apiVersion: "v1" }), false);
    assert.equal(isStatus(null), false);
  });
});
