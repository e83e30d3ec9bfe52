import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  dnsLabelError,
  dnsSubdomainError,
  labelValueError,
  qualifiedNameError,
  serviceNameError,
} from "./name.ts";

type Check = (value: string) => string | null;

function takes(check: Check, good: readonly string[], bad: readonly string[]): void {
  for (const value of good) assert.equal(check(value), null, value);
  for (const value of bad) assert.equal(typeof check(value), "string", value);
}

describe("names", () => {
  it("are DNS labels", () => {
    takes(
      dnsLabelError,
      ["a", "0", "a-b", "x".repeat(63)],
      ["", "A", "-a", "a-", "a.b", "x".repeat(64)],
    );
  });

  it("are DNS subdomains", () => {
    takes(dnsSubdomainError, ["a", "a.b-c.0"], ["", ".", "a..b", "a.", "a_b", "x".repeat(254)]);
  });

  it("are service names, which start with a letter", () => {
    takes(serviceNameError, ["a", "a1-b"], ["1a", "-a", "a.b", "", "x".repeat(64)]);
  });

  it("are keys of labels, with a prefix or without", () => {
    takes(
      qualifiedNameError,
      ["a", "A_b.c", "weft.dev/service", "x".repeat(63)],
      ["", "/a", "a/", "A.b/c", "a/b/c", "-a", "x".repeat(64), "a b"],
    );
  });

  it("are values of labels", () => {
    takes(labelValueError, ["", "a", "A_b.c-1"], ["-a", "a/b", "x".repeat(64), "a b"]);
  });
});
