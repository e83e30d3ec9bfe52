// HTTP/2 in, HTTP/1 out: messages keep their meaning (RFC 9113 §8), streams do not disturb each
// other, and what ends early on one side ends on the other.

import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import type { Socket } from "node:net";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import { answerOf, Http2Client } from "./http2-client.ts";

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL } = constants;

/** To both ends of the way: the program's own proxy, and the one of who it calls. */
async function each(mesh: Mesh, run: (client: Http2Client) => Promise<void>): Promise<void> {
  for (const port of [mesh.proxy("web").ports.outbound, mesh.inbound("app-1")]) {
    const client = new Http2Client(port);
    await run(client);
    client.close();
  }
}

behaviour("requests and answers keep their meaning", import.meta.url, async (mesh) => {
  await each(mesh, async (client) => {
    const got = await client.ask({ "x-kept": "yes", cookie: ["a=1", "b=2"] });
    assert.equal(got.status, 200);
    const seen = JSON.parse(got.body) as {
      method: string;
      url: string;
      headers: Record<string, string>;
    };
    assert.deepEqual([seen.method, seen.url, seen.headers["host"]], ["GET", "/x", "app"]);
    assert.equal(seen.headers["x-kept"], "yes");
    assert.equal(seen.headers["cookie"], "a=1; b=2");
    assert.equal(seen.headers["transfer-encoding"], undefined);
    const posted = await client.ask({ ":method": "POST" }, "content");
    assert.equal((JSON.parse(posted.body) as { body: string }).body, "content");
    const sized = await client.ask({ ":method": "PUT", "content-length": 3 }, "abc");
    const sizedSeen = JSON.parse(sized.body) as { headers: Record<string, string>; body: string };
    assert.deepEqual([sizedSeen.headers["content-length"], sizedSeen.body], ["3", "abc"]);
    const head = await client.ask({ ":method": "HEAD" });
    assert.deepEqual([head.status, head.body], [200, ""]);
    assert.ok(Number(head.headers["content-length"]) > 0);
  });
});

behaviour("answers without content have none", import.meta.url, async (mesh) => {
  await each(mesh, async (client) => {
    for (const status of [204, 304]) {
      mesh.program("app-1").onRequest = (_request, response) => response.writeHead(status).end();
      const got = await client.ask();
      assert.deepEqual([got.status, got.body, got.resetCode], [status, "", 0]);
    }
    mesh.program("app-1").onRequest = (_request, response) => response.end();
    assert.equal((await client.ask()).status, 200);
  });
});

behaviour("trailers pass in both directions", import.meta.url, async (mesh) => {
  let trailers: Record<string, string | undefined> = {};
  mesh.program("app-1").onRequest = (request, response) => {
    trailers = { ...request.trailers };
    response.writeHead(200, { trailer: "x-sum" });
    response.write("body");
    response.addTrailers({ "x-sum": "7", "content-length": "9" });
    response.end();
  };
  await each(mesh, async (client) => {
    const stream = client.session.request(
      { ":path": "/x", ":authority": "app", ":method": "POST", te: "trailers" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-count": "1" }));
    stream.end("content");
    const got = await answerOf(stream);
    assert.deepEqual(trailers, { "x-count": "1" });
    assert.equal(got.body, "body");
    assert.equal(got.trailers["x-sum"], "7");
    assert.equal(got.trailers["content-length"], undefined);
  });
});

behaviour("interim answers and Expect pass on", import.meta.url, async (mesh) => {
  mesh.program("app-1").onRequest = (_request, response, body) => {
    response.writeEarlyHints({ link: "</a>; rel=preload" }, () => response.end(body));
  };
  await each(mesh, async (client) => {
    const hinted = await client.ask();
    assert.deepEqual([hinted.interim, hinted.status], [[103], 200]);
    const stream = client.open({ ":method": "POST", expect: "100-continue" });
    const answer = answerOf(stream);
    await once(stream, "continue");
    stream.end("now");
    assert.equal((await answer).body, "now");
  });
});

behaviour(
  "an early answer is whole, and the rest of the request not wanted (H30)",
  import.meta.url,
  async (mesh) => {
    await mesh.speak("app-1", (socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno"));
    });
    await each(mesh, async (client) => {
      const stream = client.open({ ":method": "POST" });
      stream.write("begin");
      const got = await answerOf(stream);
      assert.deepEqual([got.status, got.body, got.resetCode], [413, "no", NGHTTP2_NO_ERROR]);
      assert.equal(client.isClosed, false);
    });
  },
);

behaviour("a cut answer is a reset, never an end", import.meta.url, async (mesh) => {
  await mesh.speak("app-1", (socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
      setTimeout(() => socket.destroy(), 20);
    });
  });
  await each(mesh, async (client) => {
    const got = await answerOf(client.open({}, true));
    assert.deepEqual([got.status, got.body], [200, "half"]);
    assert.equal(got.resetCode, NGHTTP2_INTERNAL_ERROR);
    assert.equal(client.isClosed, false);
  });
});

behaviour("a client's reset stops the work upstream", import.meta.url, async (mesh) => {
  const program = mesh.program("app-1");
  await each(mesh, async (client) => {
    let begun = 0;
    let cut = 0;
    program.onRequest = (_request, response) => {
      begun++;
      response.once("close", () => cut++);
    };
    const stream = client.open({}, true);
    await eventually(() => begun === 1);
    assert.equal(cut, 0);
    stream.close(NGHTTP2_CANCEL);
    await eventually(() => cut === 1);
    program.onRequest = null;
    assert.equal((await client.ask()).status, 200, "other streams are not disturbed");
  });
});

behaviour("many streams at once, each its own answer", import.meta.url, async (mesh) => {
  mesh.program("app-1").onRequest = (request, response, body) => {
    setTimeout(() => response.end(`${request.url} ${body}`), Number(body) % 7);
  };
  await each(mesh, async (client) => {
    const asked = Array.from({ length: 90 }, (_, i) =>
      client.ask({ ":method": "POST", ":path": `/${i}` }, String(i)),
    );
    const bodies = (await Promise.all(asked)).map(({ body }) => body);
    assert.deepEqual(
      bodies,
      bodies.map((_, i) => `/${i} ${i}`),
    );
  });
});

behaviour(
  "large content passes both ways, at the pace of who takes it",
  import.meta.url,
  async (mesh) => {
    const large = Buffer.alloc(3_000_000, "0123456789abcdef");
    mesh.program("app-1").onRequest = (_request, response, body) => response.end(body);
    await each(mesh, async (client) => {
      const [one, two] = await Promise.all([
        client.ask({ ":method": "POST" }, large),
        client.ask({ ":method": "POST", "content-length": large.length }, large),
      ]);
      assert.ok(one.body === large.toString() && two.body === one.body);
      const slow = client.open({ ":method": "POST" });
      slow.end(large);
      slow.pause();
      const quick = await client.ask({ ":method": "POST" }, "quick");
      assert.equal(quick.body, "quick", "a stream that is not read blocks no other");
      const slowAnswer = answerOf(slow);
      slow.resume();
      assert.ok((await slowAnswer).body === large.toString());
    });
  },
);

behaviour("a body nobody takes is held back at its sender", import.meta.url, async (mesh) => {
  let taken: Socket | null = null;
  await mesh.speak("app-1", (socket) => {
    socket.pause();
    taken = socket;
  });
  await each(mesh, async (client) => {
    const stream = client.open({ ":method": "POST" });
    let sent = 0;
    let isBlocked = false;
    const chunk = Buffer.alloc(64 * 1024);
    while (sent < 64 * 1024 * 1024 && !isBlocked) {
      sent += chunk.length;
      isBlocked = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), 300);
        stream.write(chunk, () => {
          clearTimeout(timer);
          resolve(false);
        });
      });
    }
    assert.ok(isBlocked, `${sent} bytes were taken`);
    assert.ok(sent < 24 * 1024 * 1024, `${sent} bytes were taken`);
    stream.close(NGHTTP2_CANCEL);
    await eventually(() => taken !== null);
    (taken as Socket | null)?.destroy();
  });
});

behaviour(
  "CONNECT is a tunnel on the outbound listener, and refused elsewhere (H24)",
  import.meta.url,
  async (mesh) => {
    mesh.program("echo-1").onSocket = (socket) => {
      socket.write("220 ready\n");
      let received = "";
      socket.on("data", (bytes) => {
        received += bytes.toString();
      });
      socket.on("end", () => socket.end(`got ${received}`));
    };
    const client = new Http2Client(mesh.proxy("web").ports.outbound);
    const connect = { ":method": "CONNECT", ":authority": "echo.default:7000" };
    const stream = client.session.request(connect);
    const answer = answerOf(stream);
    const [head] = (await once(stream, "response")) as [Record<string, unknown>];
    assert.equal(head[":status"], 200);
    stream.write("all ");
    stream.end("of it");
    const got = await answer;
    assert.deepEqual([got.body, got.resetCode], ["220 ready\ngot all of it", 0]);
    const nobody = await answerOf(
      client.session.request({ ":method": "CONNECT", ":authority": "app:81" }),
    );
    assert.deepEqual([nobody.status, nobody.headers["x-weft-flag"]], [404, "NP"]);
    client.close();
    const inbound = new Http2Client(mesh.inbound("app-1"));
    const refused = await answerOf(inbound.session.request({ ...connect }));
    assert.equal(refused.status, 405);
    inbound.close();
  },
);

behaviour(
  "inside CONNECT to an HTTP service its routes serve HTTP/1 and HTTP/2",
  import.meta.url,
  async (mesh) => {
    const client = new Http2Client(mesh.proxy("web").ports.outbound);
    const connect = { ":method": "CONNECT", ":authority": "app:80" };
    const old = client.session.request(connect);
    let text = "";
    old.on("data", (bytes: Buffer) => {
      text += bytes.toString();
    });
    old.write("GET /inner HTTP/1.1\r\nhost: app\r\n\r\n");
    await eventually(() => text.includes('"url":"/inner"'));
    old.close();
    const tunnel = client.session.request(connect);
    const { connect: connectHttp2 } = await import("node:http2");
    const inner = connectHttp2("http://app", { createConnection: () => tunnel });
    inner.on("error", () => {});
    const got = await answerOf(inner.request({ ":path": "/deep" }));
    assert.equal((JSON.parse(got.body) as { url: string }).url, "/deep");
    inner.destroy();
    client.close();
  },
);

behaviour(
  "a websocket over HTTP/2 is an upgrade upstream (RFC 8441, H51)",
  import.meta.url,
  async (mesh) => {
    await each(mesh, async (client) => {
      await once(client.session, "remoteSettings");
      const stream = client.open({ ":method": "CONNECT", ":protocol": "websocket" });
      const [head] = (await once(stream, "response")) as [Record<string, unknown>];
      assert.equal(head[":status"], 200);
      assert.equal(head["upgrade"], undefined);
      let text = "";
      stream.on("data", (bytes: Buffer) => {
        text += bytes.toString();
      });
      stream.write("hello");
      await eventually(() => text === "app-1:/x:hello");
      const closed = once(stream, "close");
      stream.end();
      await closed;
      assert.equal(stream.rstCode, 0);
      const other = await answerOf(client.open({ ":method": "CONNECT", ":protocol": "else" }));
      assert.ok(other.status >= 400, String(other.status));
    });
  },
);

behaviour("an upgrade that is refused is no tunnel", import.meta.url, async (mesh) => {
  for (const [answer, status] of [
    ["HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", 403],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", 502],
  ] as const) {
    let received = "";
    await mesh.speak("app-1", (socket) => {
      socket.on("data", (bytes) => {
        received += bytes.toString();
        if (received.endsWith("\r\n\r\n")) socket.write(answer);
      });
    });
    const client = new Http2Client(mesh.proxy("web").ports.outbound);
    await once(client.session, "remoteSettings");
    const stream = client.open({ ":method": "CONNECT", ":protocol": "websocket" });
    stream.write("EARLY");
    const got = await answerOf(stream);
    assert.deepEqual([got.status, got.body], [status, "no"]);
    assert.ok(!received.includes("EARLY"));
    client.close();
  }
});

behaviour("a head that the client does not take becomes 502 HL", import.meta.url, async (mesh) => {
  mesh.program("app-1").onRequest = (request, response) => {
    const large = request.url === "/large" ? { "x-large": "a".repeat(2000) } : {};
    response.writeHead(200, { "content-length": 7, ...large }).end("content");
  };
  for (const port of [mesh.proxy("web").ports.outbound, mesh.inbound("app-1")]) {
    const client = new Http2Client(port, { settings: { maxHeaderListSize: 1000 } });
    const refused = await client.ask({ ":path": "/large" });
    assert.deepEqual([refused.status, refused.body, refused.resetCode], [502, "", 0]);
    assert.equal(refused.headers["x-weft-flag"], "HL");
    const got = await client.ask();
    assert.deepEqual([got.status, got.body], [200, "content"]);
    client.close();
  }
});
