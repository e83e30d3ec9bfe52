// Calls a mesh service as a Node program would, with nothing but Node: `fetch` and `http.request`,
// several times, one with a body. Prints one JSON line per call. URL is the service's.
import http from "node:http";

const url = process.argv[2];

function viaHttp(method, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(`${url}/http`, { method, headers }, (incoming) => {
      let text = "";
      incoming.on("data", (chunk) => (text += chunk));
      incoming.on("end", () => resolve({ status: incoming.statusCode, text }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

async function viaFetch(method, body) {
  const answer = await fetch(`${url}/fetch`, { method, body });
  return { status: answer.status, text: await answer.text() };
}

async function print(how, call) {
  const { status, text } = await call.catch((error) => ({ status: 0, text: String(error.cause) }));
  const seen = status === 200 ? JSON.parse(text) : { text };
  const { body, headers = {}, method, path } = seen;
  console.log(
    `CALL ${JSON.stringify({ how, status, path, method, body, client: headers["x-forwarded-client-cert"], text: seen.text })}`,
  );
}

await print("fetch", viaFetch("GET"));
await print("http.request", viaHttp("GET"));
await print("fetch", viaFetch("POST", "from fetch"));
await print("http.request", viaHttp("POST", "from http"));
await print("expect", viaHttp("PUT", "expected", { expect: "100-continue" }));
