// The string formats that schemas name: date-time, byte, ipv4, ipv6.

const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const IPV4_PART = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${IPV4_PART}(?:\\.${IPV4_PART}){3}$`);
const HEX_GROUP = /^[0-9A-Fa-f]{1,4}$/;

/** Null, or what is wrong; formats that only name a number's width pass. */
export function formatError(format: string, value: string): string | null {
  switch (format) {
    case "date-time":
      return isDateTime(value) ? null : "must be a time in RFC 3339, e.g. 2026-01-02T03:04:05Z";
    case "byte":
      return BASE64.test(value) ? null : "must be base64";
    case "ipv4":
      return isIpv4(value) ? null : "must be an IPv4 address";
    case "ipv6":
      return isIpv6(value) ? null : "must be an IPv6 address";
    default:
      return null;
  }
}

export function isIpAddress(value: string): boolean {
  return isIpv4(value) || isIpv6(value);
}

/** An address, or one with the length of its prefix. */
export function isAddressRange(value: string): boolean {
  const [address = "", length, ...rest] = value.split("/");
  if (rest.length > 0 || !isIpAddress(address)) return false;
  if (length === undefined) return true;
  const bitsMax = isIpv4(address) ? 32 : 128;
  return /^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= bitsMax;
}

export function isIpv4(value: string): boolean {
  return IPV4.test(value);
}

/** RFC 4291 §2.2: eight groups, one run of zeros as `::`, the last two groups possibly as IPv4. */
export function isIpv6(value: string): boolean {
  const halves = value.split("::");
  if (halves.length > 2) return false;
  const [head = "", tail] = halves;
  const headCount = groupCount(head, tail === undefined);
  const tailCount = tail === undefined ? 0 : groupCount(tail, true);
  if (headCount < 0 || tailCount < 0) return false;
  const count = headCount + tailCount;
  return tail === undefined ? count === 8 : count < 8;
}

function groupCount(half: string, mayEndInIpv4: boolean): number {
  if (half === "") return 0;
  const groups = half.split(":");
  const last = groups.at(-1) ?? "";
  const endsInIpv4 = mayEndInIpv4 && isIpv4(last);
  const hexGroups = endsInIpv4 ? groups.slice(0, -1) : groups;
  if (!hexGroups.every((group) => HEX_GROUP.test(group))) return -1;
  return hexGroups.length + (endsInIpv4 ? 2 : 0);
}

function isDateTime(value: string): boolean {
  return DATE_TIME.test(value) && !Number.isNaN(Date.parse(value.replace(" ", "T").toUpperCase()));
}
