// A reporter of node:test that only notes which tests were skipped, and why.
import { appendFileSync } from "node:fs";

const file = process.env.WEFT_SKIPPED_FILE;

export default async function* skipReporter(source) {
  for await (const event of source) {
    if (event.type !== "test:pass" || event.data.skip === undefined || file === undefined) continue;
    const reason =
      event.data.skip === true || event.data.skip === "" ? "no reason given" : event.data.skip;
    appendFileSync(file, `${event.data.name}: ${reason}\n`);
  }
  yield "";
}
