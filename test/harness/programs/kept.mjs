// One connection that is kept: asks once, prints the status, then what becomes of the connection.
// Arguments: host, port, path.
import { connect } from "node:net";

const [host, port, path] = process.argv.slice(2);
const socket = connect(Number(port), host);
let status = "";
let error = "";
socket.on("data", (bytes) => {
  if (status === "") console.log(`answered ${(status = bytes.toString().slice(9, 12))}`);
});
socket.on("error", (cause) => (error = cause.code));
socket.on("close", () => console.log(`closed ${error || "by the peer"}`));
socket.write(`GET ${path} HTTP/1.1\r\nhost: kept\r\n\r\n`);
