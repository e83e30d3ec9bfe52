// The maximum age of a connection (H37, docs/decisions/0055), where a listener or a cluster has
// one: what is under way ends, nothing fails, and the next request goes over another connection.

import assert from "node:assert/strict";
import { typeUrls } from "@weft/xds";
import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { HttpProtocolOptions as CommonOptions } from "@weft/xds/messages/envoy/config/core/v3/protocol.js";
import { HttpConnectionManager } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { HttpProtocolOptions } from "@weft/xds/messages/envoy/extensions/upstreams/http/v3/http_protocol_options.js";
import { behaviour, eventually, type MeshOptions } from "./harness.ts";
import { Http2Program } from "./http2-program.ts";
import { FrameFlag, FrameType, RawHttp2, requestFields } from "./http2-raw.ts";

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const ageMaxMs = 1000;
/** They are looked at every second. */
const withinMs = 5000;
const maxConnectionDuration = { seconds: 1n, nanos: 0 };

function agedListener(bytes: Uint8Array): Uint8Array {
  const listener = Listener.decode(bytes);
  const config = listener.filterChains[0]?.filters[0]?.configType;
  assert.equal(config?.$case, "typedConfig");
  const manager = HttpConnectionManager.decode(config.typedConfig.value);
  manager.commonHttpProtocolOptions ??= CommonOptions.create();
  manager.commonHttpProtocolOptions.maxConnectionDuration = maxConnectionDuration;
  config.typedConfig.value = Buffer.from(HttpConnectionManager.encode(manager).finish());
  return Listener.encode(listener).finish();
}

function agedCluster(bytes: Uint8Array): Uint8Array {
  const cluster = Cluster.decode(bytes);
  const config = cluster.typedExtensionProtocolOptions[httpOptions];
  assert.ok(config !== undefined);
  const http = HttpProtocolOptions.decode(config.value);
  http.commonHttpProtocolOptions ??= CommonOptions.create();
  http.commonHttpProtocolOptions.maxConnectionDuration = maxConnectionDuration;
  config.value = Buffer.from(HttpProtocolOptions.encode(http).finish());
  return Cluster.encode(cluster).finish();
}

const options: MeshOptions = {
  edit: (typeUrl, name, bytes) => {
    if (typeUrl === typeUrls.listener && name === "outbound") return agedListener(bytes);
    return typeUrl === typeUrls.cluster && /^(one|two)\./.test(name) ? agedCluster(bytes) : bytes;
  },
};

behaviour(
  "an HTTP/1 connection from downstream ends with a response that says so (H37)",
  import.meta.url,
  async (mesh) => {
    const openedAtMs = performance.now();
    const connection = mesh.raw("web");
    for (let sent = 1; !connection.hasEnded; sent++) {
      connection.write("GET / HTTP/1.1\r\nhost: one\r\n\r\n");
      await connection.until(({ text, hasEnded }) => {
        return hasEnded || text.split("HTTP/1.1 200 ").length - 1 === sent;
      });
      if (/connection: close/i.test(connection.text)) break;
    }
    assert.ok(performance.now() - openedAtMs >= ageMaxMs * 0.9);
    await connection.untilOver(withinMs);
    assert.match(connection.text, /connection: close\r\n[^]*\}$/i, "the last one is whole");
    assert.equal(connection.errorCode, "");
  },
  options,
  [1],
);

behaviour(
  "an HTTP/2 connection from downstream gets GOAWAY in two phases (H49)",
  import.meta.url,
  async (mesh) => {
    let answer: (() => void) | null = null;
    mesh.program("one-1").onRequest = (_request, response) => {
      answer = () => response.end("whole");
    };
    const connection = new RawHttp2(mesh.proxy("web").ports.outbound);
    connection.headers(1, requestFields("one"));
    await connection.until((own) => own.goAways.length === 1, withinMs);
    const ping = connection.frames.find(({ type }) => type === FrameType.Ping);
    connection.frame(FrameType.Ping, FrameFlag.Ack, 0, ping?.payload);
    await connection.until((own) => own.goAways.length === 2);
    assert.deepEqual(
      connection.goAways.map(({ lastStreamId }) => lastStreamId),
      [2 ** 31 - 1, 1],
    );
    await eventually(() => answer !== null);
    (answer as (() => void) | null)?.();
    await connection.until((own) => own.hasAnswered(1) && own.isOver);
    assert.equal(connection.contentOf(1), "whole");
  },
  options,
  [1],
);

behaviour(
  "connections to endpoints have an age too (H37)",
  import.meta.url,
  async (mesh) => {
    const http2 = new Http2Program(mesh.program("two-1"));
    await mesh.spoken("two-1");
    const programs = ["one", "two"].map((service) => mesh.program(`${service}-1`));
    const endMs = performance.now() + 2.5 * ageMaxMs;
    let sent = 0;
    for (; performance.now() < endMs; sent++) {
      for (const service of ["one", "two"]) {
        const { status, flag } = await mesh.send("web", `http://${service}/`);
        assert.equal(status, 200, flag);
      }
    }
    for (const { connectionCount, name } of programs) {
      assert.ok(connectionCount >= 2 && connectionCount <= 4, `${connectionCount} of ${name}`);
    }
    assert.equal(http2.seen.length, sent);
  },
  options,
  [1],
);
