// One request in exactly the bytes a test wants, and its answer taken apart.

import { connect } from "node:net";
import type { DifferentialRequest } from "./case.ts";

export interface Answered {
  readonly status: number;
  /** `name: value`, names in lower case, sorted; without what only frames the message. */
  readonly headers: readonly string[];
  readonly body: string;
}

const withinMs = 8_000;

/** Names that belong to one connection or one moment. */
const framing: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);

/**
 * The host is `name`, unless the request names one. Status 0: the connection ended without an
 * answer.
 */
export function exchange(
  port: number,
  name: string,
  request: DifferentialRequest,
): Promise<Answered> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    let received = "";
    let isOver = false;
    let hasFollowed = false;
    const finish = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      socket.destroy();
      const { body, headers, status } = takeApart(received);
      resolve({ status, headers, body: request.text.startsWith("HEAD ") ? "" : body });
    };
    const timer = setTimeout(finish, withinMs);
    socket.on("error", finish);
    socket.on("end", finish);
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (request.after === undefined) {
        if (isWhole(received, request)) finish();
      } else if (!hasFollowed && received.includes("\r\n\r\n")) {
        hasFollowed = true;
        socket.write(request.after);
      }
    });
    socket.write(bytesOf(name, request));
  });
}

function bytesOf(name: string, { after, body, text }: DifferentialRequest): Buffer {
  const [first = "", ...rest] = text.split("\n").map((line) => line.trim());
  const named = (header: string): boolean =>
    rest.some((line) => line.toLowerCase().startsWith(`${header}:`));
  const lines = [`${first} HTTP/1.1`];
  if (!named("host")) lines.push(`Host: ${name}`);
  lines.push(...rest.filter((line) => line !== ""));
  if (after === undefined && !named("connection")) lines.push("Connection: close");
  if (body !== undefined && !named("transfer-encoding") && !named("content-length")) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body ?? ""}`, "latin1");
}

/** Envoy keeps a connection it means to close open for a second. */
function isWhole(received: string, { text }: DifferentialRequest): boolean {
  const { body, length } = takeApart(received);
  if (length === null) return false;
  return text.startsWith("HEAD ") || body.length >= length;
}

function takeApart(received: string): Answered & { length: number | null } {
  // Interim answers are nobody's.
  const text = received.replace(/^(HTTP\/1\.1 1(?!01)\d\d [^]*?\r\n\r\n)+/, "");
  const end = text.indexOf("\r\n\r\n");
  const [start = "", ...lines] = text.slice(0, Math.max(0, end)).split("\r\n");
  const fields = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const isChunked = fields.some(
    ([name, value]) => name === "transfer-encoding" && value.toLowerCase() === "chunked",
  );
  const length = fields.find(([name]) => name === "content-length")?.[1];
  const content = end < 0 ? "" : text.slice(end + 4);
  return {
    status: Number(start.split(" ")[1] ?? 0),
    headers: fields
      .filter(([name]) => !framing.has(name))
      .map(([name, value]) => `${name}: ${value}`)
      .sort(),
    body: isChunked ? withoutChunks(content) : content,
    length: length === undefined ? null : Number(length),
  };
}

function withoutChunks(text: string): string {
  let out = "";
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (lineEnd < 0 || Number.isNaN(size)) return `${out}(cut)`;
    if (size === 0) return out;
    out += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}
