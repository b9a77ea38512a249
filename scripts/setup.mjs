/**
 * What the npm scripts need before they run, on a machine that may have only an old Node and npm: the packages (one of
 * them is the newer Node that every `npm run` then uses) and, with `--test` as root on Debian, the real clients that the
 * tests talk with. Installs only what is missing. Plain JavaScript without dependencies: it runs before there is anything.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Runs a command with its output on our standard error; a failure ends the set-up with its status. */
function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (status !== 0) {
    console.error(`setup: ${command} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
    process.exit(status ?? 1);
  }
}

/** npm leaves a copy of the lock file behind when it has installed everything. */
function packagesAreCurrent() {
  const installed = join(root, "node_modules/.package-lock.json");
  return (
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs
  );
}

if (!packagesAreCurrent()) {
  console.error("setup: installing packages (once; about a minute)");
  // Not `npm ci`: it refuses a lock file that lacks other platforms' optional packages. The lock file stays as it is.
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  if (npm) run(process.execPath, [npm, ...args]);
  else run("npm", args);
}

if (process.argv.includes("--test")) {
  const wanted = {
    etcdctl: "etcd-client",
    etcd: "etcd-server",
    h2load: "nghttp2-client",
    dig: "bind9-dnsutils",
    haproxy: "haproxy",
    ...(process.argv.includes("--bench") ? { dnsperf: "dnsperf" } : {}),
  };
  const missing = Object.keys(wanted).filter((program) => spawnSync("which", [program]).status !== 0);
  const packages = missing.map((program) => wanted[program]);
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    console.error(`setup: installing ${packages.join(", ")} for the tests with real clients`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    run("apt-get", ["-qq", "update"], { env });
    run("apt-get", ["-qq", "install", "-y", "--no-install-recommends", ...packages], { env });
  } else if (missing.length > 0) {
    console.error(
      `setup: ${missing.join(" and ")} not found; the tests that use them are skipped (Debian: apt install ${packages.join(" ")})`,
    );
  }
}

if (process.argv.includes("--build")) {
  // With the newer Node that has just been installed, not the one this script may run on.
  run(join(root, "node_modules/.bin/node"), [join(root, "scripts/build.mjs")]);
}
