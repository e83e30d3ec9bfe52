import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ApiError, type ApiClient, createApiClient } from "./client.ts";
import { kinds } from "./kinds.ts";
import type { Service } from "./service.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A client whose calls are written down and answered from a list. */
function clientOf(...answers: Response[]): { client: ApiClient; seen: Seen[] } {
  const seen: Seen[] = [];
  const fetch = (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { pathname, search } = new URL(String(url));
    seen.push({
      method: init.method ?? "",
      path: pathname + search,
      headers: init.headers as Record<string, string>,
      body: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
    });
    return Promise.resolve(answers.shift() ?? Response.json({}));
  };
  const server = "http://127.0.0.1:7070/";
  const client = createApiClient({ fetch, server, token: "t", fieldManager: "weft" });
  return { client, seen };
}

const service: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "shop" },
  spec: { ports: [{ port: 80 }] },
};

/** A body that arrives in pieces of so many bytes. */
function chunked(text: string, size: number): Response {
  const bytes = new TextEncoder().encode(text);
  return new Response(
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) {
          controller.enqueue(bytes.slice(at, at + size));
        }
        controller.close();
      },
    }),
  );
}

describe("createApiClient", () => {
  it("reads one object and lists", async () => {
    const { client, seen } = clientOf(Response.json(service), Response.json({ items: [service] }));
    assert.deepEqual(await client.get(kinds.Service, "shop", "web"), service);
    const list = await client.list(kinds.Service, {
      namespace: "shop",
      labelSelector: "a=b",
      limit: 5,
      continue: "c",
    });
    assert.deepEqual(list.items, [service]);
    assert.deepEqual(
      seen.map(({ method, path }) => `${method} ${path}`),
      [
        "GET /api/v1/namespaces/shop/services/web",
        "GET /api/v1/namespaces/shop/services?labelSelector=a%3Db&limit=5&continue=c",
      ],
    );
    assert.equal(seen[0]?.headers["authorization"], "Bearer t");
  });

  it("writes", async () => {
    const { client, seen } = clientOf();
    await client.create(kinds.Service, service, { dryRun: true, fieldValidation: "Strict" });
    await client.update(kinds.Service, service, { subresource: "status", fieldManager: "me" });
    await client.patch(kinds.Service, "shop", "web", "apply", service, { force: true });
    await client.patch(kinds.MeshConfig, null, "default", "json", []);
    await client.delete(kinds.Service, "shop", "web", { uid: "1" });
    assert.deepEqual(
      seen.map(({ method, path, headers }) => `${method} ${path} ${headers["content-type"]}`),
      [
        "POST /api/v1/namespaces/shop/services" +
          "?fieldManager=weft&dryRun=All&fieldValidation=Strict application/json",
        "PUT /api/v1/namespaces/shop/services/web/status?fieldManager=me application/json",
        "PATCH /api/v1/namespaces/shop/services/web?fieldManager=weft&force=true " +
          "application/apply-patch+yaml",
        "PATCH /apis/weft.dev/v1alpha1/meshconfigs/default?fieldManager=weft " +
          "application/json-patch+json",
        "DELETE /api/v1/namespaces/shop/services/web application/json",
      ],
    );
    assert.deepEqual(seen[0]?.body, service);
    assert.deepEqual(seen[4]?.body, {
      kind: "DeleteOptions",
      apiVersion: "v1",
      preconditions: { uid: "1" },
    });
  });

  it("throws the Status of a refusal, or one made of what else answered", async () => {
    const status = { kind: "Status", apiVersion: "v1", metadata: {}, message: "gone", code: 404 };
    const { client } = clientOf(
      Response.json(status, { status: 404 }),
      new Response("<html>bad gateway</html>", { status: 502 }),
      new Response("", { status: 500 }),
    );
    const refused = async (): Promise<ApiError> => {
      try {
        await client.get(kinds.Service, "shop", "web");
      } catch (error) {
        assert.ok(error instanceof ApiError);
        return error;
      }
      return assert.fail("nothing was thrown");
    };
    const [first, second, third] = [await refused(), await refused(), await refused()];
    assert.deepEqual([first.code, first.message], [404, "gone"]);
    assert.deepEqual([second.code, second.message], [502, "<html>bad gateway</html>"]);
    assert.deepEqual([third.code, third.message], [500, "the server answered 500"]);
  });

  it("watches lines however they are cut", async () => {
    const text = ["ADDED", "MODIFIED", "BOOKMARK"]
      .map((type) => `${JSON.stringify({ type, object: { metadata: { name: "wäb" } } })}\n`)
      .join("");
    for (const size of [1, 7, text.length]) {
      const { client, seen } = clientOf(chunked(text, size));
      const types: string[] = [];
      for await (const event of client.watch(kinds.Service, { resourceVersion: "5" })) {
        types.push(event.type);
        assert.equal((event.object.metadata as { name?: string }).name, "wäb");
      }
      assert.deepEqual(types, ["ADDED", "MODIFIED", "BOOKMARK"]);
      const query = "?resourceVersion=5&watch=true&allowWatchBookmarks=true";
      assert.equal(seen[0]?.path, `/api/v1/services${query}`);
    }
  });

  it("ends a watch with the error that the server sends", async () => {
    const object = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      message: "too old",
      code: 410,
    };
    const { client } = clientOf(chunked(`${JSON.stringify({ type: "ERROR", object })}\n`, 5));
    await assert.rejects(
      async () => {
        for await (const _ of client.watch(kinds.Service)) assert.fail("no event was sent");
      },
      (error) => error instanceof ApiError && error.code === 410,
    );
  });
});
