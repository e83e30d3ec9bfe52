// A few thousand inputs of each fuzz file with every test run, so that a regression does not wait
// for the night.

import { test } from "node:test";
import { fuzz as fuzzChunks } from "./chunked.fuzz.ts";
import { seededChance } from "./mutate.fixture.ts";
import { fuzz as fuzzRequests } from "./request-parser.fuzz.ts";
import { fuzz as fuzzResponses } from "./response-parser.fuzz.ts";

const steps = 4000;

test("mutated requests are read alike in any chunks, and written as they were read", () => {
  fuzzRequests(seededChance(1), steps);
});

test("mutated responses are read alike in any chunks, and written as they were read", () => {
  fuzzResponses(seededChance(2), steps);
});

test("mutated chunks are decoded as the grammar says", () => {
  fuzzChunks(seededChance(3), steps);
});
