// A connection under test with its recorder, and what it answered, as frames.

import type { Http2Connection as Connection } from "./connection.ts";
import { Http2Connection } from "./connection.ts";
import { type Http2Reason, http2ReasonRows } from "./error.ts";
import { FrameType } from "./frame.ts";
import { clientStart, type ReadFrame, readFrames } from "./frames.fixture.ts";
import { type Http2Options, Http2Status } from "./options.ts";
import { Recorder } from "./recorder.fixture.ts";

const nothing = Buffer.alloc(0);

/** A server that has seen the client's preface and SETTINGS. */
export class Served {
  readonly sink: Recorder;
  readonly connection: Connection;
  nowMs = 1000;

  constructor(options: Partial<Http2Options> = {}, sink: Recorder = new Recorder()) {
    this.sink = sink;
    this.connection = new Http2Connection("server", sink, options);
    this.connection.feed(clientStart, this.nowMs);
    this.connection.takeOutput();
    sink.events.length = 0;
  }

  /** Feeds all of it, through pauses; answers the status. */
  feed(...parts: Buffer[]): Http2Status {
    let status = this.connection.feed(Buffer.concat(parts), this.nowMs);
    while (status === Http2Status.Paused) status = this.connection.feed(nothing, this.nowMs);
    return status;
  }

  /** Frames written since the last call. */
  frames(): ReadFrame[] {
    return readFrames(this.connection.takeOutput());
  }

  /** RST_STREAM frames written since the last call, as [stream, code]. */
  resets(): [number, number][] {
    return this.frames()
      .filter(({ type }) => type === FrameType.RstStream)
      .map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]);
  }

  /** Name of the rule that ended the connection. */
  get reason(): string {
    return reasonName(this.connection.reason);
  }
}

export function reasonName(reason: Http2Reason): string {
  return http2ReasonRows[reason]?.name ?? "";
}

/** The GOAWAY among the frames, or null. */
export function goAwayOf(frames: readonly ReadFrame[]): { lastId: number; code: number } | null {
  const found = frames.findLast(({ type }) => type === FrameType.GoAway);
  if (found === undefined) return null;
  return { lastId: found.payload.readUInt32BE(0), code: found.payload.readUInt32BE(4) };
}
