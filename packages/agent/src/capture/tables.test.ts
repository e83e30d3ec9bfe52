import assert from "node:assert/strict";
import { test } from "node:test";
import { ownerState, ownMark, parseMark } from "./mark.ts";
import { readTable } from "./tables.ts";

/** As nft 1.0.6 lists what `createScript` wrote. */
const listed = `table inet weft_catalog_kvtqz {
	comment "weft1 pid=7 begun=0844eb0b-062e-4794-92af-129ec560e779:99 pidns=4026531836 scope=program"
	set inbound_ports {
		type inet_service
		flags interval
		auto-merge
		elements = { 8080-8081, 9000 }
	}

	set excluded_ports {
		type inet_service
		flags interval
		auto-merge
		elements = { 25,
			     5432 }
	}

	set excluded_v4 {
		type ipv4_addr
		flags interval
		auto-merge
		elements = { 10.0.0.0/8 }
	}

	chain outbound {
		meta l4proto { tcp, udp } th dport @excluded_ports return
		meta l4proto { tcp, udp } th dport 53 redirect to :15053
		fib daddr type local return
		ip daddr @excluded_v4 return
		meta l4proto tcp redirect to :15001
	}

	chain local_inbound {
		meta skgid 77 ip daddr 127.0.0.1 return
		meta l4proto tcp redirect to :15006
	}
}
`;

test("a table is read back as it was meant", () => {
  const { rules, ...read } = readTable("weft_catalog_kvtqz", listed, () => "gone")!;
  assert.equal(rules, listed);
  assert.deepEqual(read, {
    table: "weft_catalog_kvtqz",
    pid: 7,
    state: "gone",
    scope: "program",
    outboundPort: 15001,
    inboundPorts: "8080-8081, 9000",
    inboundPort: 15006,
    dnsPort: 15053,
    excludedPorts: "25, 5432",
    excludedRanges: "10.0.0.0/8",
  });
});

test("a table without our mark is not ours, whatever its name", () => {
  const other = 'table inet weft_x {\n\tcomment "mine"\n}\n';
  assert.equal(
    readTable("weft_x", other, () => "gone"),
    null,
  );
  assert.equal(
    readTable("weft_x", "table inet weft_x {\n}\n", () => "gone"),
    null,
  );
});

test("a mark says whether its process still runs", { skip: process.platform !== "linux" }, () => {
  const text = ownMark("everyone");
  assert.ok(text.length <= 128, text);
  const mark = parseMark(text)!;
  assert.equal(mark.pid, process.pid);
  assert.equal(ownerState(mark), "running");
  assert.equal(ownerState({ ...mark, begun: "earlier" }), "gone");
  assert.equal(ownerState({ ...mark, namespace: "1" }), "elsewhere");
});
