// The end of an event-loop turn, the loop's check phase, which follows the poll for socket events
// at once. What sockets did in a turn is brought together there, in three steps: what was read is
// handled (`inbox.ts`), what holds back its output puts it together, what was written goes out
// (`gather.ts`). That makes fewer system calls and fewer TLS records, and reading, parsing and
// writing each run many times in a row, which processors reward (docs/decisions/0051).

import { reportFault } from "./faults.ts";

/** Something that holds back what it gathered until the turn ends. */
export interface TurnEnd {
  /** Called once for each `atTurnEnd`; what it asks for again comes at the next turn's end. */
  flush(): void;
}

let reads: TurnEnd | null = null;
let waiting: TurnEnd[] = [];
/** The list of the turn before; two take turns, so that no turn allocates one. */
let spare: TurnEnd[] = [];
let writes: TurnEnd | null = null;
let isScheduled = false;

/** Has `one.flush()` called when this turn ends. Call it once per turn: nothing checks for that. */
export function atTurnEnd(one: TurnEnd): void {
  waiting.push(one);
  if (!isScheduled) schedule();
}

/** What sockets read, before all others. */
export function readsAtTurnEnd(inbox: TurnEnd): void {
  reads = inbox;
  if (!isScheduled) schedule();
}

/** What was gathered for sockets, after all others. */
export function writesAtTurnEnd(gathered: TurnEnd): void {
  writes = gathered;
  if (!isScheduled) schedule();
}

function schedule(): void {
  isScheduled = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  try {
    const inbox = reads;
    reads = null;
    if (inbox !== null) flush(inbox);
    const ending = waiting;
    waiting = spare;
    spare = ending;
    for (let i = 0; i < ending.length; i++) flush(ending[i] as TurnEnd);
    ending.length = 0;
    const gathered = writes;
    writes = null;
    if (gathered !== null) flush(gathered);
  } finally {
    isScheduled = false;
    if (reads !== null || waiting.length > 0 || writes !== null) schedule();
  }
}

function flush(one: TurnEnd): void {
  try {
    one.flush();
  } catch (error) {
    reportFault(error);
  }
}
