import assert from "node:assert/strict";
import { behaviour } from "./harness.ts";

behaviour("path, headers, query and method choose the route", import.meta.url, async (mesh) => {
  const to = async (path: string, sent: Parameters<typeof mesh.send>[2] = {}): Promise<string> => {
    const answer = await mesh.send("web", `http://shop${path}`, sent);
    return answer.workload === "" ? `${answer.status} ${answer.flag}`.trim() : answer.workload;
  };
  assert.equal(await to("/cart"), "cart-1");
  assert.equal(await to("/cart/x"), "404");
  assert.equal(await to("/basket"), "cart-1");
  assert.equal(await to("/basket/x?y"), "cart-1");
  assert.equal(await to("/baskets"), "404");
  assert.equal(await to("/v12/cart"), "cart-1");
  assert.equal(await to("/v12/cart/x"), "404");
  assert.equal(await to("/by-header", { headers: { "x-kind": "cart", "x-size": "12" } }), "cart-1");
  assert.equal(await to("/by-header", { headers: { "x-kind": "cart", "x-size": "12a" } }), "404");
  assert.equal(await to("/by-header", { headers: { "x-kind": "cart" } }), "404");
  assert.equal(await to("/by-query?a=b&kind=cart"), "cart-1");
  assert.equal(await to("/by-query?kind=carts"), "404");
  assert.equal(await to("/by-method", { method: "PUT" }), "cart-1");
  assert.equal(await to("/by-method", { method: "POST" }), "404");
  assert.equal(await to("/empty"), "500");
  assert.equal(await to("/items/1"), "shop-1");
  assert.equal(await to("/none"), "404");
});

behaviour(
  "a path is normalised before it is matched, and goes up as it was matched (H28)",
  import.meta.url,
  async (mesh) => {
    const answer = await mesh.send("web", "http://shop/basket/a/../b//c/./d?q=/../x");
    assert.equal(answer.workload, "cart-1");
    assert.equal(answer.seen.url, "/basket/b/c/d?q=/../x");
    const climbed = await mesh.send("web", "http://shop/none/../cart");
    assert.equal(climbed.workload, "cart-1");
    assert.equal(climbed.seen.url, "/cart");
    const encoded = await mesh.send("web", "http://shop/basket/..%2f..%2fetc");
    assert.equal(encoded.status, 400);
    assert.equal(mesh.program("cart-1").seen.length, 2);
  },
);
