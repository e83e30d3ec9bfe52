import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { Inheritance } from "./inheritance.ts";
import { acceptConnections, bindListener, canShareListeners } from "./listen.ts";

const skip = canShareListeners() ? false : "without FFI there is none";

test("a socket is found by its name, with what waits in its queue", { skip }, async () => {
  const first = new Inheritance();
  const bound = first.listener("outbound", "127.0.0.1", () => bindListener("127.0.0.1", 0));
  const closed = first.listener("gone", "127.0.0.1", () => bindListener("127.0.0.1", 0));
  closed.close();
  assert.deepEqual(first.handOn(), { outbound: bound.fd });
  assert.deepEqual(first.newcomers(), {}, "the next process has it");
  const late = first.listener("late", "127.0.0.1", () => bindListener("127.0.0.1", 0));
  assert.deepEqual(first.newcomers(), { late: late.fd });
  assert.equal(first.hasPredecessor, false);

  // Nobody accepts: it waits.
  const waiting = connect({ host: "127.0.0.1", port: bound.port });
  await once(waiting, "connect");
  const next = new Inheritance({ outbound: bound.duplicate(), unknown: bound.duplicate() });
  assert.equal(next.hasPredecessor, true);
  const taken = next.listener("outbound", "127.0.0.1", () => assert.fail("it is there already"));
  assert.equal(taken.port, bound.port);
  bound.close();
  const acceptor = acceptConnections({
    fd: taken.duplicate(),
    address: "127.0.0.1",
    port: taken.port,
    onConnection: (socket) => socket.end("served"),
    onListening: () => {},
    onError: (error) => assert.fail(error.message),
  });
  const [bytes] = (await once(waiting, "data")) as [Buffer];
  assert.equal(bytes.toString(), "served");
  next.closeRest();
  acceptor.close();
  taken.close();
  waiting.destroy();
  assert.deepEqual(next.handOn(), {});
  next.receive({ late: late.duplicate() });
  const again = next.listener("late", "127.0.0.1", () => assert.fail("it came later"));
  assert.deepEqual(next.newcomers(), {}, "the process before has it");
  again.close();
  late.close();
});
