// A gRPC server of bytes: unary Echo, and a bidirectional stream that answers each message;
// Version, which says APP_VERSION; Left, which says how many milliseconds its caller gives it;
// Fail, which ends with the status it is asked for; and the reflection service's stream, as an
// echo. With the health service; POST /serving/true|false on CONTROL_PORT changes what that says.
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
const chat = (call) => {
  call.on("data", (bytes) => call.write(bytes));
  call.on("end", () => call.end());
};
const unary = (name) => method(`/test.Echo/${name}`, false);
server.addService(
  {
    Echo: unary("Echo"),
    Version: unary("Version"),
    Left: unary("Left"),
    Fail: unary("Fail"),
    Chat: method("/test.Echo/Chat", true),
  },
  {
    Echo: (call, answer) => answer(null, call.request),
    Version: (_, answer) => answer(null, Buffer.from(process.env.APP_VERSION ?? "")),
    Left: (call, answer) => {
      const deadline = Number(call.getDeadline());
      const left = Number.isFinite(deadline) ? Math.round(deadline - Date.now()) : -1;
      answer(null, Buffer.from(String(left)));
    },
    Fail: (call, answer) => {
      const code = Number(call.request.toString());
      answer({ code, details: `asked for ${code}: \u00e4%` });
    },
    Chat: chat,
  },
);
const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
server.addService({ Info: method(reflection, true) }, { Info: chat });
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
