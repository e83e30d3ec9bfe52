// What a port speaks, as it is declared: `appProtocol`, else the first word of the port's name, as
// Kubernetes and Istio read them; else, with nothing known, by its number, else `auto`: the proxy
// looks at the first bytes of each connection.

export type Protocol = "http" | "http2" | "grpc" | "tcp" | "auto";

/** What `appProtocol`, and the first word of a port's name, may say. */
const DECLARED: ReadonlyMap<string, Protocol> = new Map([
  ["http", "http"],
  ["http1", "http"],
  ["ws", "http"],
  ["kubernetes.io/ws", "http"],
  // gRPC-Web is plain HTTP/1.1 or HTTP/2 requests.
  ["grpc-web", "http"],
  ["http2", "http2"],
  ["h2c", "http2"],
  ["kubernetes.io/h2c", "http2"],
  ["grpc", "grpc"],
  ["tcp", "tcp"],
  ["tls", "tcp"],
  ["https", "tcp"],
  ["wss", "tcp"],
  ["kubernetes.io/wss", "tcp"],
]);

/** Names of ports that say no HTTP is spoken. Of many of these the server speaks first. */
const STREAMS: ReadonlySet<string> = new Set([
  ...["mysql", "mariadb", "postgres", "postgresql", "mssql", "oracle", "redis", "rediss"],
  ...["mongo", "mongodb", "cassandra", "cql", "memcached", "memcache", "zookeeper", "kafka"],
  ...["amqp", "amqps", "mqtt", "mqtts", "nats", "smtp", "smtps", "submission", "imap", "imaps"],
  ...["pop3", "pop3s", "ftp", "ssh", "sftp", "telnet", "irc", "ldap", "ldaps", "rsync", "git"],
]);

/**
 * Numbers with one well-known use, where nothing is declared: most of these servers speak first,
 * so that the first bytes could not be waited for.
 */
const NUMBERS: ReadonlyMap<number, Protocol> = new Map([
  ...[80, 8080].map((port): [number, Protocol] => [port, "http"]),
  ...[
    ...[21, 22, 23, 25, 53, 110, 143, 389, 443, 465, 587, 636, 853, 993, 995],
    ...[1433, 1521, 1883, 2181, 3306, 4222, 4444, 4567, 5432, 5672, 6379],
    ...[8443, 8883, 9042, 9092, 9300, 11211, 27017, 33060],
  ].map((port): [number, Protocol] => [port, "tcp"]),
]);

/** Null: neither says anything. An `appProtocol` nobody knows is at least no HTTP of ours. */
export function declaredProtocol(name: string, appProtocol: string | undefined): Protocol | null {
  if (appProtocol !== undefined && appProtocol !== "") {
    return DECLARED.get(appProtocol.toLowerCase()) ?? "tcp";
  }
  if (name === "grpc-web" || name.startsWith("grpc-web-")) return "http";
  const [word = ""] = name.split("-", 1);
  return DECLARED.get(word) ?? (STREAMS.has(word) ? "tcp" : null);
}

/** Where nobody declares what a port speaks. */
export function undeclaredProtocol(port: number): Protocol {
  return NUMBERS.get(port) ?? "auto";
}
