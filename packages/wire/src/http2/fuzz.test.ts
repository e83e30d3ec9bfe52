// Some inputs of each fuzz file with every test run, so that a regression does not wait for the
// night.

import { test } from "node:test";
import { seededChance } from "../http1/mutate.fixture.ts";
import { fuzz as fuzzProxyHeaders } from "../proxy-protocol.fuzz.ts";
import { fuzz as fuzzHellos } from "../tls/client-hello.fuzz.ts";
import { fuzz as fuzzConnections } from "./connection.fuzz.ts";
import { fuzz as fuzzConversations } from "./conversation.fuzz.ts";
import { fuzz as fuzzBlocks } from "./hpack-decoder.fuzz.ts";

test("mutated frames are taken alike in any chunks, by servers and clients", () => {
  fuzzConnections(seededChance(1), 1500);
});

test("our client and our server understand each other, whatever they do", () => {
  fuzzConversations(seededChance(5), 30_000);
});

test("header blocks are read back, and hostile ones within bounds", () => {
  fuzzBlocks(seededChance(2), 3000);
});

test("mutated ClientHellos get one verdict", () => {
  fuzzHellos(seededChance(3), 4000);
});

test("mutated PROXY headers get one verdict, and are written as they were read", () => {
  fuzzProxyHeaders(seededChance(4), 4000);
});
