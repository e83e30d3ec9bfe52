// `host:port`, with brackets around an IPv6 address.

export function splitAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) throw new Error(`${JSON.stringify(text)} is not host:port`);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}

export function joinAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
