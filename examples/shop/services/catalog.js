// The catalog, in two versions: v2 adds prices. VERSION says which one this is.
import http from "node:http";

const port = Number(process.env.PORT ?? 8080);
const version = process.env.VERSION ?? "v1";
const items = [
  { id: 1, name: "shuttle" },
  { id: 2, name: "heddle" },
  { id: 3, name: "reed" },
].map((item) => (version === "v1" ? item : { ...item, price: 10 * item.id }));
const text = JSON.stringify({ version, items });

const server = http.createServer((_request, response) => {
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "x-version": version,
  });
  response.end(text);
});
server.listen(port, process.env.HOST ?? "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
