// Decodes bytes that came from elsewhere: broken ones are an answer, not an exception. Unknown
// fields are skipped, which is what lets neighbouring versions talk.

export interface Decoder<T> {
  decode(bytes: Uint8Array): T;
}

/** Null when the bytes are not such a message. */
export function tryDecode<T>(decoder: Decoder<T>, bytes: Uint8Array): T | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
