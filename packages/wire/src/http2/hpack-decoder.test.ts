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

/** RFC 7541 appendix C.3, C.4 and C.6: blocks of one connection each, and the tables' limit. */
const examples: readonly (readonly [section: string, tableBytes: number, hex: string[]])[] = [
  [
    "C.3",
    4096,
    [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
  ],
  [
    "C.4",
    4096,
    [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
  ],
  [
    "C.6",
    256,
    [
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad1718" +
        "63c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b3" +
        "35dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
  ],
];
const requestFields = [
  ":method: GET|:scheme: http|:path: /|:authority: www.example.com",
  ":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache",
  ":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|" +
    "custom-key: custom-value",
];
const responseFields = [
  ":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|" +
    "location: https://www.example.com",
  ":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|" +
    "location: https://www.example.com",
  ":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|" +
    "location: https://www.example.com|content-encoding: gzip|" +
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
];

for (const [section, tableBytes, blocks] of examples) {
  test(`the examples of RFC 7541 appendix ${section} decode`, () => {
    const decoder = new HpackDecoder(tableBytes, wide, true);
    const expected = section === "C.6" ? responseFields : requestFields;
    for (const [index, hex] of blocks.entries()) {
      const bytes = Buffer.from(hex, "hex");
      const fields = new Fields();
      assert.equal(decoder.decode(bytes, 0, bytes.length, fields), 0);
      const said = fields.list.map(([name, value]) => `${name}: ${value}`).join("|");
      assert.equal(said, expected[index]);
    }
  });
}
