// A few thousand inputs with every test run.

import { test } from "node:test";
import { seededChance } from "../http1/mutate.fixture.ts";
import { fuzz } from "./grpc.fuzz.ts";

test("gRPC-Web's text and timeouts are read as they were written", () => {
  fuzz(seededChance(11), 4000);
});
