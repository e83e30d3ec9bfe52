// The shop's front page: asks catalog, reviews, cart and stock, and says what each answered.
import http from "node:http";

const port = Number(process.env.PORT ?? 8080);

async function ask(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return await answer.json();
}

async function page() {
  const [catalog, cart] = await Promise.all([ask("http://catalog/items"), ask("http://cart/")]);
  const first = catalog.items[0];
  const [reviews, stock] = await Promise.all([
    ask(`http://reviews/?item=${first.id}`),
    ask(`http://stock/?item=${first.id}`),
  ]);
  return { shop: "Weft & Warp", catalog, cart, reviews, stock };
}

async function answer(request, response) {
  let status = 200;
  let body;
  try {
    body = request.url === "/healthz" ? { ok: true } : await page();
  } catch (error) {
    status = 502;
    body = { error: error.message };
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

const server = http.createServer((request, response) => void answer(request, response));
server.listen(port, process.env.HOST ?? "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
