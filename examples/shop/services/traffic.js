// A steady visitor: asks the front page RATE times a second and counts the answers.
const rate = Number(process.env.RATE ?? 10);
let failed = 0;
let answered = 0;

async function visit() {
  try {
    const answer = await fetch("http://web/", { signal: AbortSignal.timeout(5000) });
    await answer.arrayBuffer();
    if (answer.ok) answered++;
    else failed++;
  } catch {
    failed++;
  }
}

const timer = setInterval(() => void visit(), 1000 / rate);
process.on("SIGTERM", () => {
  clearInterval(timer);
  process.exit(0);
});
process.on("SIGUSR2", () => console.error(`traffic: ${answered} answered, ${failed} failed`));
