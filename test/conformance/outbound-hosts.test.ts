import assert from "node:assert/strict";
import { createServer } from "node:http";
import { behaviour } from "./harness.ts";

behaviour("absolute-form names the service as well as Host does", import.meta.url, async (mesh) => {
  const connection = mesh.raw("web");
  connection.write("GET http://catalog/abs?q=1 HTTP/1.1\r\nHost: catalog\r\n\r\n");
  await connection.until(({ text }) => text.includes('"body":""}'));
  assert.match(connection.text, /"url":"\/abs\?q=1"/);
});

behaviour(
  "a port the service does not have is 404 with a flag, a wrong name in the mesh's domain too",
  import.meta.url,
  async (mesh) => {
    const answer = await mesh.send("web", "http://catalog:81/");
    assert.equal(`${answer.status} ${answer.flag}`, "404 NP");
  },
);

behaviour(
  "any other host is reached as it is, or refused where only registered services may be called",
  import.meta.url,
  async (mesh) => {
    const outside = createServer((request, response) => {
      response.end(`${request.headers.host}${request.url}`);
    });
    await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
    const { port } = outside.address() as { port: number };
    const answer = await mesh.send("web", `http://127.0.0.1:${port}/x`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body, `127.0.0.1:${port}/x`);
    await mesh.apply(
      "kind: MeshConfig\nmetadata: { name: default }\nspec: { outbound: RegistryOnly }\n",
    );
    const refused = await mesh.send("web", `http://127.0.0.1:${port}/x`);
    assert.equal(`${refused.status} ${refused.flag}`, "502 RO");
    outside.close();
    outside.closeAllConnections();
  },
);

behaviour(
  "a request that would come back to the same listener is refused, not forwarded for ever",
  import.meta.url,
  async (mesh) => {
    const { outbound } = mesh.proxy("web").ports;
    const answer = await mesh.send("web", `http://127.0.0.1:${outbound}/`);
    assert.equal(`${answer.status} ${answer.flag}`, "508 LP");
  },
);

behaviour("a host that cannot be reached is 503 with a flag", import.meta.url, async (mesh) => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as { port: number };
  await new Promise((resolve) => closed.close(resolve));
  const answer = await mesh.send("web", `http://127.0.0.1:${port}/x`);
  assert.equal(`${answer.status} ${answer.flag}`, "503 UF");
});
