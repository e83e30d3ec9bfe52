import assert from "node:assert/strict";
import { test } from "node:test";
import { seededChance } from "../http1/mutate.fixture.ts";
import { OpenStreams } from "./open-streams.ts";
import type { StreamState } from "./stream.ts";

const streamOf = (id: number): StreamState => ({ id }) as StreamState;

test("streams are found while others come and go, whatever identifiers a peer picks", () => {
  const chance = seededChance(9);
  for (const step of [2, 64, 4096, 2 ** 20]) {
    const open = new OpenStreams();
    const model = new Map<number, StreamState>();
    let nextId = 1;
    for (let turn = 0; turn < 1500; turn++) {
      const ids = [...model.keys()];
      if (ids.length < 100 && chance.integer(5) < 3) {
        const stream = streamOf(nextId);
        nextId += chance.integer(3) === 0 ? step : 2;
        open.add(stream);
        model.set(stream.id, stream);
      } else if (ids.length > 0) {
        const id = ids[chance.integer(ids.length)] as number;
        open.delete(id);
        model.delete(id);
        assert.equal(open.get(id), undefined);
      }
      open.delete(nextId);
      assert.equal(open.get(nextId), undefined);
      assert.equal(open.count, model.size);
    }
    for (const [id, stream] of model) assert.equal(open.get(id), stream);
    assert.deepEqual(open.all(), [...model.values()]);
  }
});
