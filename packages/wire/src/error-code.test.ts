// The table of reasons: complete, in order, and with the status each case asks for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, errorRows, errorStatus, errorText } from "./error-code.ts";

test("there is one row per code, at the place of its number", () => {
  const codes = Object.entries(ErrorCode);
  assert.equal(errorRows.length, codes.length);
  for (const [name, code] of codes) {
    assert.equal(errorRows[code]?.name, name);
    assert.equal(errorRows[code]?.code, code);
    assert.notEqual(errorText(code), "");
  }
});

test("the statuses are those of the cases", () => {
  const statuses: readonly (readonly [code: ErrorCode, status: number])[] = [
    [ErrorCode.LengthAndTransferEncoding, 400],
    [ErrorCode.HeadTimeout, 408],
    [ErrorCode.BodyTimeout, 408],
    [ErrorCode.ConnectRefused, 405],
    [ErrorCode.BodyTooLarge, 413],
    [ErrorCode.TargetTooLong, 414],
    [ErrorCode.ExpectationFailed, 417],
    [ErrorCode.HeadTooLarge, 431],
    [ErrorCode.TooManyFields, 431],
    [ErrorCode.MethodUnknown, 501],
    [ErrorCode.MethodTooLong, 501],
    [ErrorCode.VersionUnsupported, 505],
    [ErrorCode.BadVersion, 400],
    [ErrorCode.BadStatusLine, 502],
  ];
  for (const [code, status] of statuses) assert.equal(errorStatus(code), status, errorText(code));
});
