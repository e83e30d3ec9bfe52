// The end of an event-loop turn. A connection that carries many exchanges gathers what all of
// them say during one turn and writes it once: fewer system calls, fewer TLS records. The end is
// the loop's check phase, which follows the poll for socket events at once, so waiting for it costs
// a lone request nothing but the call itself.

import { reportFault } from "./faults.ts";
import { flushWrites } from "./gather.ts";

/** Something that holds back what it gathered until the turn ends. */
export interface TurnEnd {
  /** Called once for each `atTurnEnd`; what it asks for again comes at the next turn's end. */
  flush(): void;
}

let waiting: TurnEnd[] = [];
/** The list of the turn before; two take turns, so that no turn allocates one. */
let spare: TurnEnd[] = [];
let isScheduled = false;

/** Has `one.flush()` called when this turn ends. Call it once per turn: nothing checks for that. */
export function atTurnEnd(one: TurnEnd): void {
  waiting.push(one);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  const ending = waiting;
  waiting = spare;
  spare = ending;
  isScheduled = false;
  for (let i = 0; i < ending.length; i++) {
    try {
      (ending[i] as TurnEnd).flush();
    } catch (error) {
      reportFault(error);
    }
  }
  ending.length = 0;
  flushWrites();
}
