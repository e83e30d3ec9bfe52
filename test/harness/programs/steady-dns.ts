// Steady DNS questions from where this program runs, until TERM; each over UDP alone, or over a TCP
// connection of its own, or over one that is kept as long as its server keeps it. Nothing is asked
// twice, an answer that does not come is lost; but a question that meets the end of a kept
// connection is asked once more over a new one (RFC 7766 §6.2.4). Arguments: server, port, name,
// questions a second over each transport. Prints what became of them as one line of JSON.

import { createSocket } from "node:dgram";
import { connect, isIPv6, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import packets from "dns-packet";

const [server = "", port = "53", name = "", rate = "12"] = process.argv.slice(2);
const patienceMs = 5_000;
const settleMs = 20;

class Tally {
  readonly name: string;
  count = 0;
  longestMs = 0;
  readonly answers = new Set<string>();
  readonly failed = new Map<string, number>();
  #waiting = 0;

  constructor(of: string) {
    this.name = of;
  }

  /** Answers what to call with the answer, or with why there is none. */
  begin(): (outcome: Buffer | string) => void {
    const begunMs = performance.now();
    this.#waiting++;
    let isOver = false;
    const over = (outcome: Buffer | string): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#waiting--;
      this.count++;
      this.longestMs = Math.max(this.longestMs, performance.now() - begunMs);
      const problem = typeof outcome === "string" ? outcome : this.#read(outcome);
      if (problem !== "") this.failed.set(problem, (this.failed.get(problem) ?? 0) + 1);
    };
    const timer = setTimeout(() => over("no answer"), patienceMs);
    return over;
  }

  async settled(): Promise<void> {
    while (this.#waiting > 0) await delay(settleMs);
  }

  #read(bytes: Buffer): string {
    const { answers = [], rcode } = packets.decode(bytes) as packets.DecodedPacket & {
      rcode: string;
    };
    const [first] = answers;
    if (first === undefined || first.type !== "A") return rcode;
    this.answers.add(first.data);
    return "";
  }
}

function question(id: number): Buffer {
  return packets.encode({ type: "query", id, flags: 0, questions: [{ type: "A", name }] });
}

function framed(query: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  return Buffer.concat([length, query]);
}

function askUdp(tally: Tally): void {
  const over = tally.begin();
  const socket = createSocket(isIPv6(server) ? "udp6" : "udp4");
  const end = (outcome: Buffer | string): void => {
    over(outcome);
    socket.close();
  };
  socket.once("message", end);
  socket.once("error", (error) => end(error.message));
  socket.send(question(1), Number(port), server);
}

function askTcp(tally: Tally): void {
  const over = tally.begin();
  const socket = connect(Number(port), server, () => socket.write(framed(question(1))));
  socket.on("data", (bytes: Buffer) => {
    over(bytes.subarray(2));
    socket.destroy();
  });
  socket.on("error", (error) => over(error.message));
  socket.on("close", () => over("closed"));
}

/** One question at a time, as stub resolvers do; a new connection when the server ends this one. */
class KeptConnection {
  readonly #tally: Tally;
  #socket: Socket | null = null;
  #over: ((outcome: Buffer | string) => void) | null = null;
  #isSecond = false;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  ask(): void {
    if (this.#over !== null) return;
    this.#over = this.#tally.begin();
    this.#isSecond = this.#socket === null;
    this.#send();
  }

  #send(): void {
    this.#socket ??= this.#open();
    this.#socket.write(framed(question(1)));
  }

  #open(): Socket {
    const socket = connect(Number(port), server);
    const end = (outcome: Buffer | string): void => {
      this.#over?.(outcome);
      this.#over = null;
    };
    socket.on("data", (bytes: Buffer) => end(bytes.subarray(2)));
    let why = "closed";
    socket.on("error", (error) => (why = error.message));
    socket.on("close", () => {
      this.#socket = null;
      if (this.#over === null) return;
      if (this.#isSecond) return end(why);
      this.#isSecond = true;
      this.#send();
    });
    return socket;
  }
}

const tallies = ["UDP", "TCP", "TCP, kept"].map((of) => new Tally(of)) as [Tally, Tally, Tally];
const kept = new KeptConnection(tallies[2]);
let isStopped = false;
process.once("SIGTERM", () => (isStopped = true));
console.log("begun");
const begunMs = performance.now();
for (let sent = 0; !isStopped; await delay(5)) {
  const due = Math.floor(((performance.now() - begunMs) / 1000) * Number(rate));
  for (; sent < due; sent++) {
    askUdp(tallies[0]);
    askTcp(tallies[1]);
    kept.ask();
  }
}
await Promise.all(tallies.map((tally) => tally.settled()));
const results = tallies.map(({ answers, count, failed, longestMs, name: of }) => ({
  name: of,
  count,
  failed: [...failed].map(([problem, times]) => `${times} × ${problem}`).join("; "),
  longestMs: Math.round(longestMs),
  answers: [...answers],
}));
console.log(`results ${JSON.stringify(results)}`);
process.exit();
