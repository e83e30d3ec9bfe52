import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SimClock, seededRandom } from "@weft/runtime";
import { RemovalBudget, type ServiceEndpoints } from "./removal-budget.ts";

function budget(): { budget: RemovalBudget; clock: SimClock } {
  const clock = new SimClock();
  return { clock, budget: new RemovalBudget({ clock, windowMs: 60_000 }) };
}

function service(name: string, ...workloads: string[]): ServiceEndpoints {
  return { service: name, workloads };
}

describe("removal budget", () => {
  it("lets one of three go, and two, but not the last", () => {
    const all = [service("s", "a", "b", "c")];
    assert.deepEqual(budget().budget.plan(["b"], all).remove, ["b"]);
    assert.deepEqual(budget().budget.plan(["a", "b"], all).remove, ["a", "b"]);
    const plan = budget().budget.plan(["c", "a", "b"], all);
    assert.deepEqual(plan.remove, ["c", "a"]);
    assert.deepEqual([...plan.keep], [["b", "s"]]);
  });

  it("keeps the only endpoint of a service, and lets go what is none", () => {
    const plan = budget().budget.plan(["only", "client"], [service("s", "only")]);
    assert.deepEqual(plan.remove, ["client"]);
    assert.deepEqual([...plan.keep], [["only", "s"]]);
  });

  it("counts removals of the last minute, then forgets them", () => {
    const { budget: one, clock } = budget();
    const before = [service("s", "a", "b", "c", "d")];
    for (const key of one.plan(["a", "b"], before).remove) one.spend(key, before);
    const after = [service("s", "c", "d")];
    clock.advance(59_000);
    assert.deepEqual(one.plan(["c"], after).remove, []);
    clock.advance(1_000);
    assert.deepEqual(one.plan(["c"], after).remove, ["c"]);
  });

  it("heeds every service a workload belongs to", () => {
    const services = [service("all", "a", "b", "c"), service("v2", "a")];
    const plan = budget().budget.plan(["a", "b"], services);
    assert.deepEqual(plan.remove, ["b"]);
    assert.deepEqual([...plan.keep], [["a", "v2"]]);
  });

  it("never takes more than half, rounded up, nor the last, whatever is lost when", () => {
    const random = seededRandom(11);
    for (let round = 0; round < 300; round++) {
      const { budget: one, clock } = budget();
      const count = 1 + random.integer(9);
      let alive = Array.from({ length: count }, (_, i) => `w${i}`);
      let removed = 0;
      for (let step = 0; step < 6; step++) {
        clock.advance(random.integer(9_000));
        const lost = alive.filter(() => random.next() < 0.5);
        const services = [service("s", ...alive)];
        const { remove, keep } = one.plan(lost, services);
        assert.equal(remove.length + keep.size, lost.length);
        for (const key of remove) one.spend(key, services);
        removed += remove.length;
        alive = alive.filter((key) => !remove.includes(key));
      }
      assert.ok(alive.length >= 1);
      assert.ok(removed <= Math.ceil(count / 2), `${removed} of ${count}`);
    }
  });
});
