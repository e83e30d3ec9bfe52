import assert from "node:assert/strict";
import { test } from "node:test";
import { countsFromNamespace, placeOf } from "./program-cgroup.ts";

const unified = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
const hybrid = `24 22 0:20 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
30 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`;

test("the program's cgroup stands below the agent's", () => {
  assert.deepEqual(placeOf("/system.slice/weft.service", unified, "weft_a"), {
    folder: "/sys/fs/cgroup/system.slice/weft.service/weft_a",
    path: "system.slice/weft.service/weft_a",
    level: 3,
  });
  assert.deepEqual(placeOf("/", hybrid, "weft_a"), {
    folder: "/sys/fs/cgroup/unified/weft_a",
    path: "unified/weft_a",
    level: 1,
  });
});

test("a container that sees only its own part of the hierarchy", () => {
  const part = "30 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw";
  assert.deepEqual(placeOf("/docker/abc", part, "weft_a"), {
    folder: "/sys/fs/cgroup/weft_a",
    path: "weft_a",
    level: 3,
  });
  assert.equal(placeOf("/docker/abcd", part, "weft_a"), null);
});

test("where nft would not find it there is none", () => {
  assert.equal(placeOf("/", "30 24 0:26 / /mnt/cgroup rw - cgroup2 none rw", "weft_a"), null);
  assert.equal(placeOf("/../other", unified, "weft_a"), null);
  assert.equal(placeOf("/", "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw", "x"), null);
});

test("nft counts levels from the namespace's root since Linux 6.12", () => {
  assert.equal(countsFromNamespace("6.11.0-8-generic"), false);
  assert.equal(countsFromNamespace("6.12.1"), true);
  assert.equal(countsFromNamespace("7.0.0"), true);
});
