// How many of an item are left, for machines without Perl.
import http from "node:http";

const server = http.createServer((request, response) => {
  const item = new URL(request.url ?? "/", "http://stock").searchParams.get("item") ?? "?";
  const text = JSON.stringify({ item, left: 7, language: "JavaScript" });
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
