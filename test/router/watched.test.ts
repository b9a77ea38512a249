import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, suite, test } from "node:test";
import { freePort } from "../proxy/servers.ts";
import { until } from "../traffic/world.ts";

const missing =
  process.env["CI"] !== "true" && spawnSync("which", ["haproxy"]).status !== 0
    ? "haproxy is not installed (Debian: apt install haproxy)"
    : false;
const room = (name: string): string =>
  JSON.stringify(join(import.meta.dirname, `../../src/${name}/index.ts`));

suite("a HAProxy of ours", { skip: process.platform === "linux" ? missing : "looks into /proc" }, () => {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-watched-"));
  after(() => rmSync(directory, { recursive: true, force: true }));

  /** A process that routes, and that says when it does. */
  async function startRouting() {
    const host = "127.97.53.1";
    const script = `
      import { createAuthority, issueCertificate } from ${room("auth")};
      import { silentLog } from ${room("client")};
      import { nodePlatform } from ${room("platform")};
      import { startHaproxyDriver } from ${room("router")};
      const machine = nodePlatform();
      const defaultCertificate = issueCertificate(
        createAuthority("test", machine),
        { commonName: "x", dnsNames: ["x"], usages: ["server"] },
        machine,
      );
      const at = (port) => ({ host: "${host}", port });
      const driver = await startHaproxyDriver({
        machine, log: silentLog, directory: ${JSON.stringify(directory)}, defaultCertificate, endpointsOf: () => [],
        listen: { http: at(${await freePort(host)}), https: at(${await freePort(host)}) },
      });
      process.on("SIGTERM", async () => { await driver.close(); process.exit(0); });
      console.log("routes");
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
    for await (const line of createInterface({ input: child.stdout })) if (line === "routes") break;
    return { child, ended };
  }

  /** Processes of this machine with the directory among their arguments. */
  const haproxies = (): string[] =>
    readdirSync("/proc").filter((name) => {
      if (!/^\d+$/.test(name)) return false;
      try {
        return readFileSync(`/proc/${name}/cmdline`, "latin1").includes(`${directory}/haproxy.config`);
      } catch {
        return false;
      }
    });

  test("ends with the process that started it, though that is killed without a word", async () => {
    const { child, ended } = await startRouting();
    assert.ok(haproxies().length >= 2, "a master and a worker run");
    child.kill("SIGKILL");
    assert.equal(await ended, "SIGKILL");
    await until("nothing of it is left", () => haproxies().length === 0);
  });

  test("starts again in the directory of one that was killed, and ends at once when it is told to", async () => {
    assert.ok(existsSync(join(directory, "haproxy.config")));
    const { child, ended } = await startRouting();
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
    await until("nothing of it is left", () => haproxies().length === 0);
  });
});
