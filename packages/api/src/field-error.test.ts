import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatFieldError, Reporter } from "./field-error.ts";

describe("Reporter", () => {
  it("joins paths of names, indices and keys", () => {
    const report = new Reporter("");
    const ports = report.at("spec").at("ports");
    ports.at(0).required("port");
    ports.required("[1].name", "it has several");
    report.at("data").at("[a.b]").duplicate("", "x");
    report.required("metadata.name");
    assert.deepEqual(report.errors.map(formatFieldError), [
      "spec.ports[0].port: Required value",
      "spec.ports[1].name: Required value: it has several",
      'data[a.b]: Duplicate value: "x"',
      "metadata.name: Required value",
    ]);
  });

  it("has Kubernetes' reasons and words", () => {
    const report = new Reporter("f");
    report.invalid("", 1, "must be 2");
    report.notSupported("", "x", ["a", 1]);
    report.forbidden("", "not here");
    report.tooLong("", 5);
    report.tooMany("", 3, 2);
    report.notFound("", "x");
    report.typeInvalid("", undefined, "must be of type string");
    assert.deepEqual(
      report.errors.map(({ reason, message }) => [reason, message]),
      [
        ["FieldValueInvalid", "Invalid value: 1: must be 2"],
        ["FieldValueNotSupported", 'Unsupported value: "x": supported values: "a", 1'],
        ["FieldValueForbidden", "Forbidden: not here"],
        ["FieldValueTooLong", "Too long: may not be more than 5 bytes"],
        ["FieldValueTooMany", "Too many: 3: must have at most 2 items"],
        ["FieldValueNotFound", 'Not found: "x"'],
        ["FieldValueTypeInvalid", "Invalid value: null: must be of type string"],
      ],
    );
  });

  it("shortens a long value", () => {
    const report = new Reporter("f");
    report.invalid("", "x".repeat(5000), "must be short");
    assert.ok((report.errors[0]?.message.length ?? 0) < 320);
  });
});
