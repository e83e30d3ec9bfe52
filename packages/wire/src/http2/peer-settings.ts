// The peer's SETTINGS (RFC 9113 §6.5.2, RFC 8441 §3) and the rules for their values.

import { Http2Reason } from "./error.ts";
import {
  frameBytesMin,
  initialWindowBytes,
  readUint32,
  SettingId,
  windowBytesMax,
} from "./frame.ts";
import type { PeerSettings } from "./options.ts";

/** Settings of one frame; there are not that many kinds (CVE-2020-11080). */
const settingsPerFrameMax = 32;
const settingBytes = 6;

export class ReceivedSettings implements PeerSettings {
  headerTableBytes = 4096;
  /** No limit until the peer names one. */
  concurrentStreamsMax: number = 2 ** 31 - 1;
  streamWindowBytes: number = initialWindowBytes;
  frameBytesMax: number = frameBytesMin;
  headerListBytesMax: number = Number.POSITIVE_INFINITY;
  allowsExtendedConnect = false;
  workerCount = 0;

  /** The settings in a frame's payload. */
  read(bytes: Buffer, start: number, end: number, isFromServer: boolean): Http2Reason {
    if ((end - start) % settingBytes !== 0) return Http2Reason.BadFrameSize;
    if (end - start > settingsPerFrameMax * settingBytes) return Http2Reason.SettingsFlood;
    for (let at = start; at < end; at += settingBytes) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      const reason = this.#take(id, readUint32(bytes, at + 2), isFromServer);
      if (reason !== Http2Reason.None) return reason;
    }
    return Http2Reason.None;
  }

  #take(id: number, value: number, isFromServer: boolean): Http2Reason {
    switch (id) {
      case SettingId.HeaderTableBytes:
        this.headerTableBytes = value;
        break;
      case SettingId.EnablePush:
        // RFC 9113 §6.5.2: a server says 0 or nothing.
        if (value > (isFromServer ? 0 : 1)) return Http2Reason.BadSetting;
        break;
      case SettingId.ConcurrentStreamsMax:
        this.concurrentStreamsMax = value;
        break;
      case SettingId.StreamWindowBytes:
        if (value > windowBytesMax) return Http2Reason.BadWindowSetting;
        this.streamWindowBytes = value;
        break;
      case SettingId.FrameBytesMax:
        if (value < frameBytesMin || value > 0xffffff) return Http2Reason.BadSetting;
        this.frameBytesMax = value;
        break;
      case SettingId.HeaderListBytesMax:
        this.headerListBytesMax = value;
        break;
      case SettingId.EnableConnectProtocol:
        // RFC 8441 §3: once offered, it stays.
        if (value > 1 || (value === 0 && this.allowsExtendedConnect)) {
          return Http2Reason.BadSetting;
        }
        this.allowsExtendedConnect = value === 1;
        break;
      case SettingId.WorkerCount:
        this.workerCount = value;
        break;
      default:
    }
    return Http2Reason.None;
  }
}
