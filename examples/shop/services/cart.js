// A cart that counts how often it was looked at.
import http from "node:http";

const port = Number(process.env.PORT ?? 8080);
let looks = 0;

const server = http.createServer((_request, response) => {
  looks++;
  const text = JSON.stringify({ lines: [{ item: 1, quantity: 2 }], looks });
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
});
server.listen(port, process.env.HOST ?? "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
