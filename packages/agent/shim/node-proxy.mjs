// Loaded by `weft run` into Node programs (NODE_OPTIONS=--import). Newer versions read the proxy
// variables by themselves with NODE_USE_ENV_PROXY=1: `fetch` from 22.21 and 24.0 on, `http.request`
// from 22.21 and 24.5 on. For older ones this does the same: plain HTTP through the outbound proxy,
// for `fetch` and for requests of the global agent. It changes nothing else and never throws: a
// program must start without it too.
import http from "node:http";

const [major, minor] = process.versions.node.split(".").map(Number);
const isLate22 = major === 22 && minor >= 21;
const hasHttp = isLate22 || major > 24 || (major === 24 && minor >= 5);
const hasFetch = isLate22 || major >= 24;
/** The dispatchers of our undici 6 fit the `fetch` of 5 and 6 only. */
const takesDispatcher = Number.parseInt(process.versions.undici ?? "0", 10) < 7;
const proxy = process.env.http_proxy ?? process.env.HTTP_PROXY ?? "";
const direct = new Set((process.env.no_proxy ?? "").split(",").map((name) => name.trim()));

if (!(hasHttp && hasFetch) && proxy !== "") {
  try {
    if (!hasHttp) patchHttp(new URL(proxy));
    if (!hasFetch && takesDispatcher) await patchFetch(proxy);
  } catch (error) {
    console.error(
      `weft: this Node (${process.version}) could not be given the outbound proxy: ${error.message}`,
    );
  }
}

function isDirect(host) {
  const bare = host.replace(/^\[|\]$/g, "");
  return direct.has(bare) || bare.startsWith("127.");
}

/** `fetch` asks the global dispatcher for every request; TLS goes its own way. */
async function patchFetch(uri) {
  const { Agent, Dispatcher, ProxyAgent, setGlobalDispatcher } = await import("undici");
  const [straight, proxied] = [new Agent(), new ProxyAgent({ uri })];
  class Chooser extends Dispatcher {
    dispatch(options, handler) {
      const { hostname, protocol } = new URL(options.origin);
      const chosen = protocol !== "http:" || isDirect(hostname) ? straight : proxied;
      return chosen.dispatch(options, handler);
    }
    async close() {
      await straight.close();
      await proxied.close();
    }
    async destroy(reason) {
      await straight.destroy(reason);
      await proxied.destroy(reason);
    }
  }
  setGlobalDispatcher(new Chooser());
}

/**
 * Plain `http.request` through the global agent goes to the proxy in absolute form (RFC 9112
 * §3.2.2).
 */
function patchHttp(proxyUrl) {
  class ProxyAgent extends http.Agent {
    addRequest(request, options, ...rest) {
      const host = options.host ?? options.hostname ?? "localhost";
      if (options.socketPath || isDirect(host) || !request.path.startsWith("/")) {
        return super.addRequest(request, options, ...rest);
      }
      const port = options.port && Number(options.port) !== 80 ? `:${options.port}` : "";
      const authority = host.includes(":") ? `[${host}]` : host;
      const path = `http://${authority}${port}${request.path}`;
      // With a list of headers, or Expect, the head is written already; it has not been sent.
      if (request._header)
        request._header = request._header.replace(` ${request.path} `, ` ${path} `);
      request.path = path;
      const through = { ...options, host: proxyUrl.hostname, port: Number(proxyUrl.port || 80) };
      delete through.hostname;
      return super.addRequest(request, through, ...rest);
    }
  }
  const { keepAlive = true } = http.globalAgent.options ?? {};
  http.globalAgent = new ProxyAgent({ keepAlive, scheduling: "lifo", timeout: 5000 });
}
