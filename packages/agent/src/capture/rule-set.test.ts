import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddressRange } from "@weft/runtime";
import { createScript, deleteScript, releaseScript, type RuleSet, tableName } from "./rule-set.ts";

const base: RuleSet = {
  table: tableName("catalog-kvtqz"),
  comment: "weft1 pid=7",
  captured: { kind: "everyone" },
  agent: { kind: "gid", id: 77 },
  outboundPort: 15001,
  inboundPort: 15006,
  inboundPorts: [8080],
  inboundBy: "tproxy",
  programDial: { address: "127.0.0.1", peerFrom: null },
  dns: null,
  excludedPorts: [],
  excludedRanges: [],
};

test("everyone but the agent (weft sidecar)", () => {
  assert.equal(
    createScript(base),
    `table inet weft_catalog_kvtqz
delete table inet weft_catalog_kvtqz
table inet weft_catalog_kvtqz {
  comment "weft1 pid=7"
  set inbound_ports {
    type inet_service
    flags interval
    auto-merge
    elements = { 8080 }
  }
  chain outbound {
    fib daddr type local return
    meta l4proto tcp redirect to :15001
  }
  chain output {
    type nat hook output priority -110; policy accept;
    meta skgid 77 tcp dport @inbound_ports fib daddr type local jump local_inbound
    meta skgid 77 return
    jump outbound
  }
  chain local_inbound {
    meta skgid 77 ip daddr 127.0.0.1 return
    meta l4proto tcp redirect to :15006
  }
  chain prerouting {
    type filter hook prerouting priority -150; policy accept;
    iifname "lo" return
    meta nfproto ipv4 tcp dport @inbound_ports fib daddr type local tproxy ip to :15006 accept
    meta nfproto ipv6 tcp dport @inbound_ports fib daddr type local tproxy ip6 to :15006 accept
  }
}
`,
  );
});

test("the sockets of one cgroup, with DNS and exclusions (weft run)", () => {
  const text = createScript({
    ...base,
    captured: { kind: "cgroup", path: "unified/a/weft_catalog_kvtqz", level: 2 },
    programDial: { address: "127.0.0.1", peerFrom: "127.0.0.6" },
    dns: { port: 15053, servers: null },
    excludedPorts: [5432, 9000],
    excludedRanges: ["10.0.0.0/8", "fd00::/8"].map((text) => parseAddressRange(text)!),
  });
  const wanted = `  set excluded_ports {
    type inet_service
    flags interval
    auto-merge
    elements = { 5432, 9000 }
  }
  set excluded_v4 {
    type ipv4_addr
    flags interval
    auto-merge
    elements = { 10.0.0.0/8 }
  }
  set excluded_v6 {
    type ipv6_addr
    flags interval
    auto-merge
    elements = { fd00::/8 }
  }
  chain outbound {
    meta l4proto { tcp, udp } th dport @excluded_ports return
    meta l4proto { tcp, udp } th dport 53 redirect to :15053
    fib daddr type local return
    ip daddr @excluded_v4 return
    ip6 daddr @excluded_v6 return
    meta l4proto tcp redirect to :15001
  }
  chain output {
    type nat hook output priority -110; policy accept;
    tcp dport @inbound_ports fib daddr type local jump local_inbound
    socket cgroupv2 level 2 "unified/a/weft_catalog_kvtqz" jump outbound
  }
  chain local_inbound {
    meta skgid 77 ip saddr != 127.0.0.6 return
    socket cgroupv2 level 2 "unified/a/weft_catalog_kvtqz" return
    meta l4proto tcp redirect to :15006
  }
`;
  assert.ok(text.includes(wanted), text);
});

test("a user of its own, client-only, and some DNS servers", () => {
  const text = createScript({
    ...base,
    captured: { kind: "uid", uid: 61_200 },
    inboundPorts: [],
    dns: { port: 15053, servers: ["127.0.0.53", "fd00::53"] },
  });
  assert.equal(
    text.slice(text.indexOf("  chain outbound")),
    `  chain outbound {
    ip daddr @dns_servers_v4 meta l4proto { tcp, udp } th dport 53 redirect to :15053
    ip6 daddr @dns_servers_v6 meta l4proto { tcp, udp } th dport 53 redirect to :15053
    fib daddr type local return
    meta l4proto tcp redirect to :15001
  }
  chain output {
    type nat hook output priority -110; policy accept;
    meta skuid 61200 jump outbound
  }
}
`,
  );
});

test("inbound by REDIRECT where TPROXY is not wanted", () => {
  const text = createScript({ ...base, inboundBy: "redirect" });
  assert.match(
    text,
    /type nat hook prerouting priority -110;.*\n {4}iifname "lo" return\n.*redirect to :15006/,
  );
  assert.doesNotMatch(text, /tproxy/);
});

test("released, it captures nothing, and the kernel's NAT stays on", () => {
  assert.equal(
    releaseScript({ table: "weft_a", comment: "weft1 pid=7" }),
    `table inet weft_a
delete table inet weft_a
table inet weft_a {
  comment "weft1 pid=7"
  chain output {
    type nat hook output priority -110; policy accept;
    ct state new return
  }
}
`,
  );
});

test("deleting a table that is gone is no error: it is declared first", () => {
  assert.equal(deleteScript("weft_a"), "table inet weft_a\ndelete table inet weft_a\n");
});
