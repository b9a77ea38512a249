/** What comes from programs of pods while they run, and goes to them: logs that are followed, clients that attach, hooks that run beside. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

suite("streams of pods that are processes", {
  skip: process.platform === "linux" ? false : "processes need Linux",
}, () => {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-streams-"));
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster(["--runtime", "process"]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
    rmSync(directory, { recursive: true, force: true });
  });

  const apply = async (name: string, spec: object, container: object) => {
    const containers = [{ name: "main", image: "host", ...container }];
    const all = { terminationGracePeriodSeconds: 1, ...spec, containers };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: all };
    const { status, stderr } = await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(pod));
    assert.equal(status, 0, stderr);
  };
  const says = (name: string, text: string) =>
    eventually(`${name} says ${text}`, async () =>
      (await cluster.kubectl(["logs", name])).stdout.includes(text),
    );

  test("kubectl logs -f has what a program says when it does, ends with the program, and has the next one from its start", async () => {
    const go = join(directory, "go");
    // $$ is one $ after the expansion of variables.
    const script = `echo started $$$$; while [ ! -e ${go} ]; do sleep 0.02; done; echo ending; rm ${go}; exit 1`;
    await apply("phoenix", {}, { command: ["sh", "-c", script] });
    await says("phoenix", "started");
    const follow = async (): Promise<string[]> => {
      const { lines } = cluster.start("kubectl", ["logs", "-f", "phoenix"]);
      const seen: string[] = [];
      for await (const line of lines) {
        seen.push(line);
        if (line.startsWith("started")) writeFileSync(go, "");
      }
      return seen;
    };
    const first = await follow();
    assert.match(first.join("\n"), /^started \d+\nending$/);
    await eventually("it runs again", async () => {
      const { stdout } = await cluster.kubectl(["logs", "phoenix"]);
      return stdout.startsWith("started") && stdout.trim() !== first.join("\n");
    });
    const second = await follow();
    assert.match(second.join("\n"), /^started \d+\nending$/);
    assert.notEqual(second[0], first[0]);
    await cluster.kubectl(["delete", "pod", "phoenix", "--now"]);
  });

  test("who attaches to a running program is heard by it, hears it from then on, and learns of its end", async () => {
    const script = 'echo before; while read line; do echo got $line; [ "$line" = quit ] && exit 0; done';
    await apply("listener", { restartPolicy: "Never" }, { command: ["sh", "-c", script], stdin: true });
    await says("listener", "before");
    const { stdout, stderr, status } = await cluster.kubectl(["attach", "-i", "listener"], "hello\nquit\n");
    assert.equal(stdout, "got hello\ngot quit\n", stderr);
    assert.equal(status, 0, stderr);
  });

  test("a postStart hook runs beside the program, which is not ready before; one that fails ends it", async () => {
    const [begun, go] = [join(directory, "begun"), join(directory, "hook")];
    const hook = `touch ${begun}; while [ ! -e ${go} ]; do sleep 0.02; done; echo hooked > $RAFTSMAN_ROOT/hooked`;
    const command = [
      "sh",
      "-c",
      "echo runs; while [ ! -e hooked ]; do sleep 0.02; done; cat hooked; sleep 1000",
    ];
    const postStart = (script: string) => ({ postStart: { exec: { command: ["sh", "-c", script] } } });
    await apply("hooked", {}, { command, lifecycle: postStart(hook) });
    await says("hooked", "runs");
    await eventually("the hook runs", async () => existsSync(begun));
    const isReady = async (name: string): Promise<string> =>
      (
        await cluster.kubectl([
          "get",
          "pod",
          name,
          "-o",
          'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
        ])
      ).stdout;
    assert.equal(await isReady("hooked"), "False");
    writeFileSync(go, "");
    await says("hooked", "hooked");
    await eventually("it is ready", async () => (await isReady("hooked")) === "True");
    await apply("unhooked", {}, { command: ["sleep", "1000"], lifecycle: postStart("exit 3") });
    await eventually("it is told", async () => {
      const { stdout } = await cluster.kubectl([
        "get",
        "events",
        "--field-selector=involvedObject.name=unhooked",
      ]);
      return (
        /FailedPostStartHook +pod\/unhooked +PostStartHook failed/.test(stdout) && /BackOff/.test(stdout)
      );
    });
  });
});
