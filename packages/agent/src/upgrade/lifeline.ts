// The socket between the two processes of a hot upgrade. Words on lines: whoever comes says
// `prepared` when its configuration is in force, and whoever goes says `take` when it answers no
// more DNS questions. The bridge says `ready` when it serves; its owner says `yield` before it
// registers in the bridge's place, and `leave` when it serves. When the owner dies the socket ends,
// and with it the workload.

import type { Socket } from "node:net";
import { descriptorOf } from "@weft/runtime";

export type LifelineWord = "prepared" | "take" | "ready" | "yield" | "leave";

export class Lifeline {
  /** The other process is gone, or has closed its end. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #heard = new Set<string>();
  readonly #waiting: { readonly word: LifelineWord; readonly resolve: () => void }[] = [];
  #text = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => socket.once("close", resolve));
    socket.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString();
      const lines = this.#text.split("\n");
      this.#text = lines.pop() ?? "";
      for (const line of lines) this.#hear(line);
    });
  }

  get descriptor(): number {
    return descriptorOf(this.#socket);
  }

  say(word: LifelineWord): void {
    this.#socket.write(`${word}\n`);
  }

  /** Resolves when the other process says it, or has said it. */
  said(word: LifelineWord): Promise<void> {
    if (this.#heard.has(word)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ word, resolve }));
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(line: string): void {
    this.#heard.add(line);
    for (const { word, resolve } of this.#waiting) if (word === line) resolve();
  }
}
