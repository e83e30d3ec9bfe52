import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gatherer, gatherWrite } from "./gather.ts";
import { isSmallRead, keepRead, type Reader, takeReads } from "./inbox.ts";
import { atTurnEnd } from "./turn.ts";

const turnEnd = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const reader = (onTake: (text: string) => void): Reader => ({
  take: (bytes) => onTake(bytes.toString()),
});

function keep(to: Reader, text: string): void {
  keepRead(to, Buffer.from(`${text}, and the rest of the buffer`), text.length);
}

test("reads are handled in order, then output is put together, then it is sent, in one turn", async () => {
  const events: string[] = [];
  const out: Gatherer = {
    piece: null,
    send(bytes: Buffer): boolean {
      events.push(`sent ${bytes.toString()}`);
      return true;
    },
  };
  const a = reader((text) => {
    events.push(`a ${text}`);
    gatherWrite(out, Buffer.from(text));
    atTurnEnd({ flush: () => gatherWrite(out, Buffer.from(`+${text}`)) });
  });
  const b = reader((text) => events.push(`b ${text}`));
  keep(a, "1");
  keep(b, "2");
  keep(a, "3");
  assert.deepEqual(events, []);
  await turnEnd();
  assert.deepEqual(events, ["a 1", "b 2", "a 3", "sent 13+1+3"]);
});

test("what does not fit beside the others lets them be handled first", async () => {
  const taken: string[] = [];
  const a = reader((text) => taken.push(text));
  const texts = Array.from({ length: 40 }, (_, i) => String(i).repeat(1024));
  for (const text of texts) keep(a, text);
  assert.ok(taken.length > 0 && taken.length < texts.length);
  await turnEnd();
  assert.deepEqual(taken, texts);
});

test("asked for by a handler, the rest is handled there, and nothing twice", async () => {
  const taken: string[] = [];
  const a = reader((text) => {
    if (text === "1") takeReads();
    taken.push(text);
  });
  keep(a, "1");
  keep(a, "2");
  await turnEnd();
  assert.deepEqual(taken, ["2", "1"]);
});

test("a read of content is not copied", () => {
  assert.ok(isSmallRead(1000));
  assert.ok(!isSmallRead(64 * 1024));
});
