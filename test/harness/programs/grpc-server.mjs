// A gRPC server of bytes: unary Echo, and a bidirectional stream that answers each message. With
// the health service; POST /serving/true|false on CONTROL_PORT changes what that says.
import http from "node:http";
import { Server, ServerCredentials } from "@grpc/grpc-js";

const same = (bytes) => bytes;
const method = (path, isStream) => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

let isServing = process.env.SERVING !== "false";
const server = new Server();
server.addService(
  { Echo: method("/test.Echo/Echo", false), Chat: method("/test.Echo/Chat", true) },
  {
    Echo: (call, answer) => answer(null, call.request),
    Chat: (call) => {
      call.on("data", (bytes) => call.write(bytes));
      call.on("end", () => call.end());
    },
  },
);
server.addService(
  { Check: method("/grpc.health.v1.Health/Check", false) },
  { Check: (_, answer) => answer(null, Buffer.from([8, isServing ? 1 : 2])) },
);
server.bindAsync(`127.0.0.1:${process.env.PORT}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  console.log("gRPC server listens");
});
if (process.env.CONTROL_PORT) {
  http
    .createServer((request, response) => {
      isServing = request.url === "/serving/true";
      response.end("ok\n");
    })
    .listen(Number(process.env.CONTROL_PORT), "127.0.0.1");
}
