// A TCP server with both ways to end. "ECHO" first: sends back what comes, and ends when the client
// has ended and everything is sent back. "BYE" first: sends a line and ends its half at once, then
// takes what the client still sends and prints how much that was.
import net from "node:net";

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  let mode = "";
  let count = 0;
  let isOver = false;
  const late = [];
  socket.on("error", (error) => console.log(`ERROR ${error.message}`));
  socket.on("data", (bytes) => {
    if (mode === "") {
      mode = bytes.subarray(0, 1).toString() === "B" ? "bye" : "echo";
      if (mode === "bye") socket.end("bye\n");
    }
    count += bytes.length;
    // A slow echo: the client has ended long before the last byte is back.
    if (mode === "echo") late.push(bytes);
  });
  socket.on("end", () => {
    isOver = true;
    console.log(`RECEIVED ${count}`);
    if (mode === "echo") setTimeout(() => socket.end(Buffer.concat(late)), 300);
  });
  socket.on("close", () => console.log(`CLOSED ${isOver}`));
});
server.listen(Number(process.env.PORT), process.env.HOST);
