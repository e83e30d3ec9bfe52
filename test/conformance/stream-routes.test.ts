import assert from "node:assert/strict";
import { behaviour, type Mesh, type RawConnection } from "./harness.ts";

const options = { upstreams: [{ name: "DB", service: "db", namespace: "default", port: null }] };

function dial(mesh: Mesh): RawConnection {
  return mesh.rawTo(Number((mesh.proxy("web").ports.upstreams["DB"] ?? "").split(":")[1]));
}

/** Both programs say who they are, to whatever they are sent. */
function introduce(mesh: Mesh): void {
  for (const name of ["db-1", "standby-1"]) {
    mesh.program(name).onSocket = (socket) => void socket.on("data", () => socket.end(name));
  }
}

async function whoAnswers(connection: RawConnection): Promise<string> {
  return (await connection.write("hello").untilOver()).text;
}

function tcpRoute(...weights: [name: string, weight: number][]): string {
  const refs = weights.map(([name, weight]) => `{ name: ${name}, port: 5432, weight: ${weight} }`);
  return `
kind: TCPRoute
metadata: { name: db }
spec:
  parentRefs: [{ group: "", kind: Service, name: db }]
  rules: [{ backendRefs: [${refs.join(", ")}] }]
`;
}

behaviour(
  "a TCPRoute splits connections by weight, tunnels too",
  import.meta.url,
  async (mesh) => {
    introduce(mesh);
    assert.equal(await whoAnswers(dial(mesh)), "db-1");
    await mesh.apply(tcpRoute(["db", 1], ["standby", 3]));
    const answers: string[] = [];
    while (answers.length < 100) {
      const some = Array.from({ length: 10 }, () => whoAnswers(dial(mesh)));
      answers.push(...(await Promise.all(some)));
    }
    const share = answers.filter((name) => name === "standby-1").length / answers.length;
    // Five standard deviations.
    assert.ok(Math.abs(share - 0.75) < 0.22, `${share}`);
    assert.ok(answers.every((name) => name === "standby-1" || name === "db-1"));
    await mesh.apply(tcpRoute(["db", 0], ["standby", 1]));
    const tunnel = mesh.raw("web");
    tunnel.write("CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n");
    await tunnel.until(({ text }) => text.includes("\r\n\r\n"));
    assert.match(await whoAnswers(tunnel), /standby-1$/);
  },
  options,
);

behaviour(
  "connections to a backend that leads nowhere are closed",
  import.meta.url,
  async (mesh) => {
    introduce(mesh);
    await mesh.apply(tcpRoute(["missing", 1]));
    assert.equal(await whoAnswers(dial(mesh)), "");
    await mesh.delete("TCPRoute", "db");
    assert.equal(await whoAnswers(dial(mesh)), "db-1");
  },
  options,
);
