import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { limitsOf } from "../../src/node/process/cgroups.ts";
import { exitStatusIn, findProgram, launch } from "../../src/node/process/launch.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const directory = mkdtempSync(join(tmpdir(), "raftsman-launch-"));
const machine = nodePlatform();
after(() => rmSync(directory, { recursive: true, force: true }));

let serial = 0;

async function started(script: string | readonly string[], env: Record<string, string> = {}) {
  const base = join(directory, String(serial++));
  const places = { log: `${base}.log`, exit: `${base}.exit` };
  const child = await launch(machine, {
    command: typeof script === "string" ? ["sh", "-c", script] : script,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    cwd: directory,
    logFile: places.log,
    exitFile: places.exit,
    cgroupFile: "",
    stdinFile: "",
  });
  return { child, places };
}

test("how a program ended is written down by itself, whoever started it", async () => {
  const { child, places } = await started("echo out; echo err >&2; exit 7");
  await child.ended;
  assert.equal(await exitStatusIn(machine.files, places.exit), 7);
  assert.deepEqual(readFileSync(places.log, "utf8"), "out\nerr\n");
});

test("a program has the variables that no shell could name", async () => {
  const { child, places } = await started(["env"], { "odd-1.x": "here = there", "-odd": "too" });
  await child.ended;
  const lines = readFileSync(places.log, "utf8").split("\n");
  assert.deepEqual(lines.filter((line) => /^-?odd/.test(line)).sort(), ["-odd=too", "odd-1.x=here = there"]);
});

test("a program that is found again is the same one, and its end is seen", async () => {
  const { child, places } = await started("trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done");
  const found = machine.processes.adopt(child);
  assert.equal(found?.pid, child.pid);
  assert.equal(machine.processes.adopt({ pid: child.pid, startTime: "another" }), undefined);
  while (!readFileSync(places.log, "utf8").includes("up"))
    await new Promise((resolve) => setImmediate(resolve));
  found?.signal("SIGTERM");
  await found?.ended;
  assert.equal(await exitStatusIn(machine.files, places.exit), 5);
  assert.equal(machine.processes.adopt(child), undefined);
});

test("nothing of a killed program's group stays behind", async () => {
  const { child, places } = await started("sleep 1000 & echo $!; wait");
  while (!/\d+\n/.test(readFileSync(places.log, "utf8")))
    await new Promise((resolve) => setImmediate(resolve));
  const background = Number(readFileSync(places.log, "utf8"));
  child.signal("SIGKILL");
  assert.deepEqual(await child.ended, { exitCode: 137 });
  const gone = () => {
    try {
      return / Z /.test(readFileSync(`/proc/${background}/stat`, "utf8"));
    } catch {
      return true;
    }
  };
  while (!gone()) await new Promise((resolve) => setImmediate(resolve));
});

test("a program that is not there is refused in the words of container runtimes", async () => {
  const plain = join(directory, "plain");
  writeFileSync(plain, "");
  const cases: [string, string][] = [
    ["nosuchthing", 'exec: "nosuchthing": executable file not found in $PATH'],
    ["/nosuch/thing", 'exec: "/nosuch/thing": stat /nosuch/thing: no such file or directory'],
    [plain, `exec: "${plain}": permission denied`],
    [directory, `exec: "${directory}": is a directory`],
  ];
  for (const [program, message] of cases)
    await assert.rejects(findProgram(machine.files, program, "/bin", "/"), { message });
});

test("limits and requests become the files of a control group", () => {
  const resources = { limits: { cpu: "500m", memory: "64Mi" }, requests: { cpu: "1" } };
  assert.deepEqual(limitsOf({ name: "c", resources }), {
    "cpu.max": "50000 100000",
    "cpu.weight": "39",
    "memory.max": "67108864",
  });
  assert.deepEqual(limitsOf({ name: "c" }), { "cpu.max": "max 100000", "memory.max": "max" });
});
