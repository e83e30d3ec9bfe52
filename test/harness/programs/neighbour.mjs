// A program that knows nothing of proxies: says who called it, and calls others when asked to.
//   GET /who           who is it, from where, as whom, and whether a proxy handled the request
//   GET /call?url=U    the answer that it gets from U
// With GREET_PORT a server there speaks first and then echoes; with PLAIN_PORT it serves there too.
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";

const name = process.env.NAME ?? "neighbour";
const host = process.env.HOST ?? "::";

async function answer(request) {
  const url = new URL(request.url, "http://here");
  if (url.pathname !== "/call") {
    return {
      name,
      remote: request.socket.remoteAddress.replace(/^::ffff:/, ""),
      host: request.headers.host,
      isProxied: request.headers["x-request-id"] !== undefined,
      identity: /URI=([^;,]+)/.exec(request.headers["x-forwarded-client-cert"] ?? "")?.[1] ?? "",
      uid: process.getuid(),
    };
  }
  try {
    const response = await fetch(url.searchParams.get("url"), {
      signal: AbortSignal.timeout(15_000),
    });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    return { status: 0, body: { error: String(error.cause ?? error) } };
  }
}

function serve(port, address) {
  createServer((request, response) => {
    void answer(request).then((body) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    });
  }).listen(port, address, () => console.log(`${name} listens on ${port}`));
}

if (process.env.PORT !== undefined) serve(Number(process.env.PORT), host);
if (process.env.PLAIN_PORT !== undefined) serve(Number(process.env.PLAIN_PORT), "::");
if (process.env.GREET_PORT !== undefined) {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.write("220 hello\n");
    socket.pipe(socket);
  });
  server.listen(Number(process.env.GREET_PORT), "::");
}
