// A program whose health can be changed from outside: POST /status/N on CONTROL_PORT is what
// GET /health answers from then on; /listen/false closes its port, /listen/true opens it again.
import http from "node:http";

let status = Number(process.env.STATUS ?? "200");
const server = http.createServer((request, response) => {
  response.statusCode = request.url === "/health" ? status : 200;
  response.end(`${process.env.NAME ?? ""}\n`);
});
const open = () => server.listen(Number(process.env.PORT), process.env.HOST);
open();

http
  .createServer((request, response) => {
    const [, what, value] = request.url.split("/");
    if (what === "status") status = Number(value);
    if (what === "listen" && value === "true") open();
    if (what === "listen" && value === "false") {
      server.close();
      server.closeAllConnections();
    }
    response.end("ok\n");
  })
  .listen(Number(process.env.CONTROL_PORT), "127.0.0.1");
