// IP addresses between text and bytes (RFC 4291 §2.2, RFC 5952).

/** Four or sixteen bytes; null when the text is no address (zones are not taken). */
export function parseIpAddress(text: string): Buffer | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Dotted for four bytes, RFC 5952 for sixteen. */
export function formatIpAddress(bytes: Buffer): string {
  return bytes.length === 4 ? bytes.join(".") : formatIpv6(bytes);
}

function parseIpv4(text: string): Buffer | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = Buffer.alloc(4);
  for (const [i, part] of parts.entries()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Buffer | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const before = groupsOf(halves[0] as string, halves.length === 1);
  const after = halves.length === 2 ? groupsOf(halves[1] as string, true) : [];
  if (before === null || after === null) return null;
  const count = before.length + after.length;
  if (halves.length === 1 ? count !== 8 : count > 7) return null;
  const bytes = Buffer.alloc(16);
  for (const [i, group] of before.entries()) bytes.writeUInt16BE(group, i * 2);
  for (const [i, group] of after.entries()) {
    bytes.writeUInt16BE(group, 16 - (after.length - i) * 2);
  }
  return bytes;
}

/** The 16-bit groups of one side of "::"; dotted bytes may close the last side. */
function groupsOf(text: string, isLast: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const dotted = isLast && i === parts.length - 1 ? parseIpv4(part) : null;
    if (dotted === null) return null;
    groups.push(dotted.readUInt16BE(0), dotted.readUInt16BE(2));
  }
  return groups;
}

function formatIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2));
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return `::ffff:${bytes.subarray(12).join(".")}`;
  let gapStart = -1;
  let gapLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > gapLength) {
      gapStart = i;
      gapLength = length;
    }
  }
  const texts = groups.map((group) => group.toString(16));
  if (gapStart === -1) return texts.join(":");
  return `${texts.slice(0, gapStart).join(":")}::${texts.slice(gapStart + gapLength).join(":")}`;
}
