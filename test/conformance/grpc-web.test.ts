// The gRPC-Web bridge, as a gateway's chain will have it: here on the outbound listener, whose
// compiled form a test changes. Browsers speak HTTP/1.1 or HTTP/2; the bridge sees neither.

import assert from "node:assert/strict";
import { typeUrls } from "@weft/xds";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { HttpConnectionManager } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { type Answer, behaviour, type Mesh, type MeshOptions } from "./harness.ts";

const GRPC_WEB = "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb";

/** Puts the filter before the router. */
function withGrpcWeb(bytes: Uint8Array): Uint8Array {
  const listener = Listener.decode(bytes);
  const config = listener.filterChains[0]?.filters[0]?.configType;
  assert.equal(config?.$case, "typedConfig");
  const manager = HttpConnectionManager.decode(config.typedConfig.value);
  manager.httpFilters.unshift({
    name: "envoy.filters.http.grpc_web",
    configType: {
      $case: "typedConfig",
      typedConfig: { typeUrl: GRPC_WEB, value: Buffer.alloc(0) },
    },
    isOptional: false,
    disabled: false,
  });
  config.typedConfig.value = Buffer.from(HttpConnectionManager.encode(manager).finish());
  return Listener.encode(listener).finish();
}

const options: MeshOptions = {
  edit: (typeUrl, name, bytes) =>
    typeUrl === typeUrls.listener && name === "outbound" ? withGrpcWeb(bytes) : bytes,
};

/** A message in its frame. */
function message(text: string): Buffer {
  const frame = Buffer.alloc(5 + text.length, text);
  frame[0] = 0;
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5);
  return frame;
}

/** A gRPC server: two messages that say what was asked, then a status in trailers. */
function serve(mesh: Mesh): void {
  mesh.program("catalog-1").onRequest = (request, response, body) => {
    response.writeHead(200, { "content-type": "application/grpc+proto", trailer: "grpc-status" });
    response.write(
      message(`${String(request.headers["content-type"])} ${String(request.headers["te"])}`),
    );
    response.write(message(body));
    response.addTrailers({ "grpc-status": "5", "grpc-message": "no such item" });
    response.end();
  };
}

function call(
  mesh: Mesh,
  type: string,
  body: Buffer | string,
  method = "/shop.Catalog/Get",
): Promise<Answer> {
  const headers = { "content-type": type, accept: type, "x-grpc-web": "1" };
  return mesh.send("web", `http://catalog${method}`, { method: "POST", headers, body });
}

const trailers = "\x80\0\0\0\x2cgrpc-status: 5\r\ngrpc-message: no such item\r\n";

behaviour(
  "a binary request goes up as gRPC, trailers come in the content",
  import.meta.url,
  async (mesh) => {
    serve(mesh);
    const answer = await call(mesh, "application/grpc-web+proto", message("asked"));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "application/grpc-web+proto");
    const seen = message("application/grpc+proto trailers").toString("latin1");
    const echo = message(message("asked").toString("latin1")).toString("latin1");
    // The answer was read as UTF-8.
    assert.equal(answer.body.replace("\ufffd", "\x80"), seen + echo + trailers);
  },
  options,
);

behaviour(
  "text is base64 both ways, in pieces",
  import.meta.url,
  async (mesh) => {
    serve(mesh);
    const [one, two] = ["as", "ked"].map((text) => Buffer.from(text).toString("base64"));
    const answer = await call(mesh, "application/grpc-web-text", `${one}${two}`);
    assert.equal(answer.headers["content-type"], "application/grpc-web-text+proto");
    const pieces = answer.body.match(/[^=]+=*/g) ?? [];
    const text = pieces.map((piece) => Buffer.from(piece, "base64").toString("latin1")).join("");
    const seen = message("application/grpc trailers").toString("latin1");
    assert.equal(text, seen + message("asked").toString("latin1") + trailers);
  },
  options,
);

behaviour(
  "what is not base64 is refused",
  import.meta.url,
  async (mesh) => {
    serve(mesh);
    for (const body of ["ab=c", "abc"]) {
      const answer = await call(mesh, "application/grpc-web-text", body);
      assert.equal(answer.flag, "DPE", body);
      assert.equal(answer.headers["grpc-status"], "13");
    }
  },
  options,
);

behaviour(
  "answers of the proxy and answers that are no gRPC are statuses",
  import.meta.url,
  async (mesh) => {
    const none = await call(mesh, "application/grpc-web", message(""), "/shop.Other/Get");
    assert.equal(none.status, 200);
    assert.equal(none.headers["grpc-status"], "12");
    assert.equal(none.headers["content-type"], "application/grpc-web");
    mesh.program("catalog-1").onRequest = (_request, response) => {
      response.writeHead(502, { "content-type": "text/html" });
      response.end("<p>bad gateway</p>");
    };
    const foreign = await call(mesh, "application/grpc-web", message(""));
    assert.equal(foreign.status, 200);
    assert.equal(foreign.headers["grpc-status"], "14");
    assert.equal(foreign.body, "");
  },
  options,
);

behaviour(
  "other requests pass as they are",
  import.meta.url,
  async (mesh) => {
    await mesh.delete("GRPCRoute", "catalog");
    const answer = await mesh.send("web", "http://catalog/x", { method: "POST", body: "plain" });
    assert.equal(answer.seen.body, "plain");
    const grpc = await call(mesh, "application/grpc", message("a"));
    assert.equal(grpc.seen.headers["content-type"], "application/grpc");
  },
  options,
);
