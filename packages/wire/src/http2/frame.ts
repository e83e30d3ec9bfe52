// The numbers of RFC 9113 §4.1, §6 and RFC 8441 §3.

const frameTypes = {
  Data: 0x0,
  Headers: 0x1,
  Priority: 0x2,
  RstStream: 0x3,
  Settings: 0x4,
  PushPromise: 0x5,
  Ping: 0x6,
  GoAway: 0x7,
  WindowUpdate: 0x8,
  Continuation: 0x9,
} as const;
export const FrameType: typeof frameTypes = Object.freeze(frameTypes);

const frameFlags = {
  EndStream: 0x1,
  /** Of SETTINGS and PING. */
  Ack: 0x1,
  EndHeaders: 0x4,
  Padded: 0x8,
  Priority: 0x20,
} as const;
export const FrameFlag: typeof frameFlags = Object.freeze(frameFlags);

const settingIds = {
  HeaderTableBytes: 0x1,
  EnablePush: 0x2,
  ConcurrentStreamsMax: 0x3,
  StreamWindowBytes: 0x4,
  FrameBytesMax: 0x5,
  HeaderListBytesMax: 0x6,
  EnableConnectProtocol: 0x8,
  /** Ours, from the range for experiments (RFC 9113 §11.3): others pass it over. */
  WorkerCount: 0xf057,
} as const;
export const SettingId: typeof settingIds = Object.freeze(settingIds);

export const frameHeadBytes = 9;
export const initialWindowBytes = 65_535;
export const windowBytesMax: number = 2 ** 31 - 1;
/** Payload of the frames we take, and the least every peer takes. */
export const frameBytesMin = 16_384;
export const streamIdMax: number = 2 ** 31 - 1;

/** What a client sends first (RFC 9113 §3.4). */
export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Writes the nine bytes before a payload. */
export function writeFrameHead(
  bytes: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, streamId);
}

export function writeUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** 31 bits at `at`, the reserved one left out. */
export function readUint31(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) & 0x7f) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

export function readUint32(bytes: Buffer, at: number): number {
  return readUint31(bytes, at) + ((bytes[at] as number) & 0x80) * 0x1000000;
}
