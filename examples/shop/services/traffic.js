// A steady visitor: asks the front page RATE times a second and counts the answers. It waits until
// the whole shop is open, so that the first numbers one sees are the shop's.
import { setTimeout as delay } from "node:timers/promises";

const rate = Number(process.env.RATE ?? 10);
const doors = ["catalog/items", "cart/", "reviews/?item=1", "stock/?item=1"];
let failed = 0;
let answered = 0;

async function isOk(url) {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

async function visit() {
  if (await isOk("http://web/")) answered++;
  else failed++;
}

process.on("SIGTERM", () => process.exit(0));
process.on("SIGUSR2", () => console.error(`traffic: ${answered} answered, ${failed} failed`));
for (const door of doors) while (!(await isOk(`http://${door}`))) await delay(100);
setInterval(() => void visit(), 1000 / rate);
