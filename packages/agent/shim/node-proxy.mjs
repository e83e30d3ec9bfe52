// Loaded by `weft run` into Node programs (NODE_OPTIONS=--import). Node 22.21, 24.5 and later read
// the proxy variables by themselves with NODE_USE_ENV_PROXY=1; for older ones this sets the proxy
// of `fetch` and of `http.request`. It changes nothing else and never throws: a program must start
// without it too.
import http from "node:http";

const [major, minor] = process.versions.node.split(".").map(Number);
const readsVariables = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
const proxy = process.env.http_proxy ?? process.env.HTTP_PROXY;

if (!readsVariables && proxy !== undefined && proxy !== "") {
  try {
    const url = new URL(proxy);
    const direct = new Set(
      (process.env.no_proxy ?? "")
        .split(",")
        .map((name) => name.trim())
        .filter(Boolean),
    );
    patchHttp(url, direct);
    const { EnvHttpProxyAgent, setGlobalDispatcher } = await import("undici");
    setGlobalDispatcher(new EnvHttpProxyAgent());
  } catch (error) {
    console.error(
      `weft: this Node (${process.version}) could not be given the outbound proxy: ${error.message}`,
    );
  }
}

/**
 * Plain `http.request` through the global agent goes to the proxy in absolute form (RFC 9112
 * §3.2.2).
 */
function patchHttp(proxyUrl, direct) {
  class ProxyAgent extends http.Agent {
    addRequest(request, options, ...rest) {
      const host = options.host ?? options.hostname ?? "localhost";
      if (options.socketPath || direct.has(host) || host.startsWith("127.") || request._header) {
        return super.addRequest(request, options, ...rest);
      }
      const port = options.port && Number(options.port) !== 80 ? `:${options.port}` : "";
      const authority = host.includes(":") ? `[${host}]` : host;
      if (request.path.startsWith("/")) request.path = `http://${authority}${port}${request.path}`;
      const through = { ...options, host: proxyUrl.hostname, port: Number(proxyUrl.port || 80) };
      delete through.hostname;
      return super.addRequest(request, through, ...rest);
    }
  }
  const { keepAlive = true } = http.globalAgent.options ?? {};
  http.globalAgent = new ProxyAgent({ keepAlive, scheduling: "lifo", timeout: 5000 });
}
