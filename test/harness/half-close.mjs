// A program for tests of byte streams, of the kind that speaks first: a greeting, then it counts
// until its client has ended, answers with the number, and goes on reading nothing.
import net from "node:net";

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  let count = 0;
  socket.write("5.7.0-greeting\n");
  socket.on("data", (bytes) => {
    count += bytes.length;
    if (bytes.includes("CRASH")) process.kill(process.pid, "SIGKILL");
    if (bytes.includes("BYE")) socket.end("ended first\n");
  });
  socket.on("end", () => {
    if (socket.writable) socket.end(`took ${count}\n`);
    console.log(`ENDED ${count}`);
  });
  socket.on("error", () => {});
});
server.listen(Number(process.env.PORT), process.env.HOST);
