// The same requests in any pieces: random pipelines of valid requests, cut at random places, get
// the same answers in the same order. A failing seed is in the assertion's message.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Random, seededRandom } from "@weft/runtime";
import { behaviour } from "./harness.ts";

interface Sent {
  readonly bytes: string;
  /** What the program answers. */
  readonly answer: string;
}

const digest = (text: string): string =>
  createHash("sha256").update(text, "latin1").digest("hex").slice(0, 16);

function body(random: Random): string {
  const length = [0, 1, 10, 500, 5000, 70_000][random.integer(6)] ?? 0;
  const letter = String.fromCharCode(97 + random.integer(26));
  return letter.repeat(length);
}

function request(random: Random, number: number): Sent {
  const path = `/r/${number}`;
  const kind = random.integer(4);
  if (kind === 0)
    return {
      bytes: `GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`,
      answer: `GET ${path} ${digest("")}`,
    };
  const text = body(random);
  const answer = `POST ${path} ${digest(text)}`;
  const head = `POST ${path} HTTP/1.1\r\nHost: app\r\n`;
  if (kind === 1) return { bytes: `${head}Content-Length: ${text.length}\r\n\r\n${text}`, answer };
  let chunks = "";
  for (let at = 0; at < text.length; ) {
    const size = 1 + random.integer(Math.min(text.length - at, 20_000));
    chunks += `${size.toString(16)}${kind === 2 ? ";a=b" : ""}\r\n${text.slice(at, at + size)}\r\n`;
    at += size;
  }
  return { bytes: `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`, answer };
}

behaviour("pipelines in any pieces are answered alike", import.meta.url, async (mesh) => {
  mesh.program("app-1").onRequest = (incoming, response, text) => {
    const answer = `${incoming.method} ${incoming.url} ${digest(text)}`;
    if (text.length % 3 === 0) response.writeHead(200, { "content-length": answer.length });
    response.end(answer);
  };
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed);
    const sent = Array.from({ length: 1 + random.integer(6) }, (_, i) => request(random, i));
    const bytes = sent.map((one) => one.bytes).join("");
    const connection = mesh.raw("web");
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random.integer(random.integer(3) === 0 ? 20 : 40_000);
      connection.write(bytes.slice(at, at + size));
      at += size;
      if (random.integer(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const last = sent.at(-1)?.answer ?? "";
    await connection
      .until(({ text }) => text.includes(last))
      .catch((error: Error) => {
        assert.fail(`seed ${seed}: ${error.message}`);
      });
    const answers = connection.text.match(/(GET|POST) \/r\/\d+ [0-9a-f]{16}/g);
    assert.deepEqual(
      answers,
      sent.map((one) => one.answer),
      `seed ${seed}`,
    );
    connection.close();
  }
});
