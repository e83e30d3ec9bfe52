// Calls a gRPC service by its mesh name; grpc-js finds the outbound proxy in `http_proxy`.
import { Client, credentials } from "@grpc/grpc-js";

const client = new Client(process.argv[2], credentials.createInsecure());
const same = (bytes) => bytes;
const message = Buffer.from("ping");

client.makeUnaryRequest("/test.Echo/Echo", same, same, message, (error, answer) => {
  console.log(`UNARY ${error === null ? answer.toString() : error.message}`);
  const stream = client.makeBidiStreamRequest("/test.Echo/Chat", same, same);
  const got = [];
  stream.on("data", (bytes) => got.push(bytes.toString()));
  stream.on("error", (failure) => console.log(`CHAT ${failure.message}`));
  stream.on("end", () => {
    console.log(`CHAT ${got.join(",")}`);
    client.close();
  });
  for (const text of ["a", "b", "c"]) stream.write(Buffer.from(text));
  stream.end();
});
