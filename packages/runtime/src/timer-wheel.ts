// One timer wheel per worker: thousands of timeouts (connect, request, idle) for one system timer.
// Setting and cancelling are a few pointer writes; the price is resolution: a timeout fires up to
// one tick late, one of five seconds or more up to a second late, so that idle connections share
// few wake-ups.

import type { Clock, Timer, Timers } from "./clock.ts";

/** Whoever waits; `kind` says which of its timeouts it is. */
export interface WheelOwner {
  onTimeout(kind: number): void;
}

const tickMs = 10;
const slotCount = 1024;
const slotMask = slotCount - 1;
/** Timeouts from here on are rounded up to whole coarse ticks. */
const coarseFromTicks = 500;
const coarseTicks = 100;
/** `dueTick` of a timer that was taken out and is about to fire. */
const expiredTick = -1;

/** One timeout that is set and cancelled again and again; keep it as a field of its owner. */
export class WheelTimer {
  readonly owner: WheelOwner;
  readonly kind: number;
  /** Tick at which it fires; 0 when not set. */
  dueTick = 0;
  next: WheelTimer | null = null;
  previous: WheelTimer | null = null;

  constructor(owner: WheelOwner, kind: number) {
    this.owner = owner;
    this.kind = kind;
  }

  get isSet(): boolean {
    return this.dueTick !== 0;
  }
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** Takes what an owner throws; without it the error is thrown on. */
  readonly #onFault: ((error: unknown) => void) | null;
  readonly #slots: (WheelTimer | null)[] = new Array<WheelTimer | null>(slotCount).fill(null);
  #doneTick: number;
  #setCount = 0;
  #alarm: Timer | null = null;
  #alarmTick = 0;
  #isClosed = false;

  constructor(clock: Clock, timers: Timers, onFault: ((error: unknown) => void) | null = null) {
    this.#onFault = onFault;
    this.#clock = clock;
    this.#timers = timers;
    this.#doneTick = this.#tickNow();
  }

  /** Sets or resets `timer` to fire in `delayMs`. */
  set(timer: WheelTimer, delayMs: number): void {
    if (timer.dueTick > 0) this.#unlink(timer);
    if (this.#setCount === 0) this.#doneTick = this.#tickNow();
    let due = this.#tickNow() + Math.max(1, Math.ceil(delayMs / tickMs));
    if (due - this.#doneTick >= coarseFromTicks) due += coarseTicks - (due % coarseTicks);
    if (due <= this.#doneTick) due = this.#doneTick + 1;
    timer.dueTick = due;
    const slot = due & slotMask;
    const head = this.#slots[slot] as WheelTimer | null;
    timer.next = head;
    timer.previous = null;
    if (head !== null) head.previous = timer;
    this.#slots[slot] = timer;
    this.#setCount++;
    if (this.#alarm === null || due < this.#alarmTick) this.#arm(due);
  }

  cancel(timer: WheelTimer): void {
    if (timer.dueTick > 0) this.#unlink(timer);
    timer.dueTick = 0;
  }

  get size(): number {
    return this.#setCount;
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm?.cancel();
    this.#alarm = null;
  }

  #tickNow(): number {
    return Math.floor(this.#clock.monotonicMs() / tickMs) + 1;
  }

  #unlink(timer: WheelTimer): void {
    if (timer.previous !== null) timer.previous.next = timer.next;
    else this.#slots[timer.dueTick & slotMask] = timer.next;
    if (timer.next !== null) timer.next.previous = timer.previous;
    timer.next = null;
    timer.previous = null;
    timer.dueTick = 0;
    this.#setCount--;
  }

  #arm(tick: number): void {
    this.#alarm?.cancel();
    if (this.#isClosed) return;
    this.#alarmTick = tick;
    const delayMs = Math.max(1, tick * tickMs - this.#clock.monotonicMs());
    this.#alarm = this.#timers.after(delayMs, () => this.#advance(), { background: true });
  }

  #advance(): void {
    this.#alarm = null;
    const now = this.#tickNow();
    // After a long stall one revolution visits every slot.
    const from = Math.max(this.#doneTick + 1, now - slotMask);
    for (let tick = from; tick < now; tick++) {
      this.#fireSlot(tick & slotMask, now);
    }
    this.#doneTick = Math.max(this.#doneTick, now - 1);
    if (this.#setCount > 0) this.#arm(this.#nextTick());
  }

  /** Owners may set and cancel any timer meanwhile, so what is due is taken out first. */
  #fireSlot(slot: number, now: number): void {
    const expired: WheelTimer[] = [];
    let timer = this.#slots[slot] as WheelTimer | null;
    while (timer !== null) {
      const next: WheelTimer | null = timer.next;
      if (timer.dueTick < now) {
        this.#unlink(timer);
        timer.dueTick = expiredTick;
        expired.push(timer);
      }
      timer = next;
    }
    for (const due of expired) {
      if (due.dueTick !== expiredTick) continue;
      due.dueTick = 0;
      try {
        due.owner.onTimeout(due.kind);
      } catch (error) {
        if (this.#onFault === null) throw error;
        this.#onFault(error);
      }
    }
  }

  /** The earliest tick worth waking for: the first slot ahead that holds anything. */
  #nextTick(): number {
    for (let ahead = 1; ahead <= slotCount; ahead++) {
      const tick = this.#doneTick + ahead;
      if (this.#slots[tick & slotMask] !== null) return tick;
    }
    return this.#doneTick + slotCount;
  }
}
