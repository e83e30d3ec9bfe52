// A program for tests of supervision: says what happens to it, one line each, on standard output.
// GET /wait/MS answers after so long; IGNORE_TERM=1 makes it deaf to SIGTERM; MARK names a file
// that gets a line when SIGTERM comes.
import fs from "node:fs";
import http from "node:http";

const say = (text) => fs.writeSync(1, `${Date.now()} ${text}\n`);

say(`PID ${process.pid}`);
say(`ENV ${JSON.stringify(process.env)}`);

const server = http.createServer((request, response) => {
  const wait = /^\/wait\/(\d+)/.exec(request.url)?.[1] ?? "0";
  say(`BEGIN ${request.url}`);
  setTimeout(() => {
    response.writeHead(200, { "content-length": 3 });
    response.end("ok\n");
    say(`END ${request.url}`);
  }, Number(wait));
});
if (process.env.PORT) server.listen(Number(process.env.PORT), process.env.HOST);
else setInterval(() => {}, 1000);

process.on("SIGTERM", () => {
  say("TERM");
  if (process.env.MARK) fs.appendFileSync(process.env.MARK, `TERM ${process.pid}\n`);
  if (process.env.IGNORE_TERM !== "1") process.exit(0);
});
