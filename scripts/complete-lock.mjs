// Adds to package-lock.json the optional packages of other platforms, which `npm install` leaves
// out when a registry mirror does not carry them; `npm ci` refuses a lock file without them. Run it
// after changing dependencies.
import fs from "node:fs";

const file = "package-lock.json";
const lock = JSON.parse(fs.readFileSync(file, "utf8"));
const { packages } = lock;

const systems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const cpus = {
  arm64: "arm64",
  x64: "x64",
  ia32: "ia32",
  armv7: "arm",
  "arm-": "arm",
  ppc64: "ppc64",
};
const more = { riscv64: "riscv64", s390x: "s390x", loong64: "loong64" };

/** `os` and `cpu` as the package's name says them; null when it names no platform. */
function platformOf(name) {
  const os = systems.find((system) => name.includes(system));
  const cpu = Object.entries({ ...cpus, ...more }).find(([word]) => `${name}-`.includes(word));
  if (os === undefined || cpu === undefined) return null;
  const libc = name.includes("musl") ? ["musl"] : name.includes("gnu") ? ["glibc"] : undefined;
  return { cpu: [cpu[1]], ...(libc === undefined ? {} : { libc }), os: [os] };
}

/** The lock's key of `name` as seen from the package at `from`, or null. */
function resolve(from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const key = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[key] !== undefined) return key;
    if (at === "") return null;
    if (!at.includes("/node_modules/")) at = "";
    if (at === "")
      return packages[`node_modules/${name}`] === undefined ? null : `node_modules/${name}`;
  }
}

let added = 0;
for (const [from, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const found = resolve(from, name);
    if (found !== null && (packages[found].version === version || /[~^*]/.test(version))) continue;
    const platform = platformOf(name);
    if (platform === null || /[~^*]/.test(version)) continue;
    const key = found === null ? `node_modules/${name}` : `${from}/node_modules/${name}`;
    const { dev, license } = entry;
    packages[key] = { version, ...platform, dev, license, optional: true };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`complete-lock: added ${added} packages of other platforms`);
