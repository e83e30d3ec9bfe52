// Published header blocks decode to what was encoded (http2jp/hpack-test-case), hostile ones are
// refused with the right reason.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { type BlockLimits, HpackDecoder } from "./hpack-decoder.ts";

interface Story {
  readonly cases: readonly {
    readonly wire: string;
    readonly headers: readonly Readonly<Record<string, string>>[];
    readonly header_table_size?: number;
  }[];
}

class Fields {
  readonly list: [string, string][] = [];

  field(_id: number, name: string, value: string): void {
    this.list.push([name, value]);
  }
}

const wide: BlockLimits = { headBytesMax: 1 << 20, fieldsMax: 1 << 20 };
const folder = new URL("../../../../../shared/data/hpack-test-case/", import.meta.url);

if (existsSync(folder)) {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json.gz"))) {
    test(`stories of ${file} decode as published`, () => {
      const stories = JSON.parse(
        gunzipSync(readFileSync(new URL(file, folder))).toString(),
      ) as Record<string, Story>;
      let blocks = 0;
      for (const [name, story] of Object.entries(stories)) {
        const decoder = new HpackDecoder(16_384, wide, true);
        for (const [index, { wire, headers }] of story.cases.entries()) {
          const bytes = Buffer.from(wire, "hex");
          const fields = new Fields();
          assert.equal(decoder.decode(bytes, 0, bytes.length, fields), 0, `${name} ${index}`);
          const expected = headers.map((field) => Object.entries(field)[0]);
          assert.deepEqual(fields.list, expected, `${name} ${index}`);
          blocks++;
        }
      }
      assert.ok(blocks > 100);
    });
  }
}
