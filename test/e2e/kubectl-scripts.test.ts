/**
 * Replays the scripts in kubectl-scripts/ with the real kubectl. RECORD_KUBECONFIG=FILE writes into them what the cluster of that file
 * answers instead: an administrator's, of a real one without nodes.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";
import { openTerminal, readScript, type Script, type Step, writeScript } from "./kubectl-script.ts";

const directory = join(import.meta.dirname, "kubectl-scripts");
const recorded = process.env["RECORD_KUBECONFIG"];
/** What a real cluster's controllers are given before their work is recorded. */
const recordAfterMs = 3_000;

suite("kubectl prints what it prints against a kube-apiserver", { concurrency: 3 }, () => {
  let cluster: TestCluster;
  before(async () => {
    if (recorded === undefined) cluster = await startCluster(["--nodes", "0"]);
  });
  after(async () => {
    if (recorded === undefined) assert.equal(await cluster.stop(), 0);
  });

  for (const file of readdirSync(directory).sort()) {
    const script = readScript(join(directory, file));
    test(script.name, () =>
      recorded === undefined ? replay(script, cluster.kubeconfig) : record(script, recorded),
    );
  }
});

async function replay(script: Script, kubeconfig: string): Promise<void> {
  const terminal = await openTerminal(script, kubeconfig);
  const failures: string[] = [];
  for (const step of script.steps) {
    let output: string[] = [];
    const matches = async (): Promise<boolean> => {
      output = await terminal.run(step);
      return output.join("\n") === step.output.join("\n");
    };
    const good = step.eventually
      ? await eventually(step.command, matches).catch(() => false)
      : await matches();
    if (!good) failures.push(`$ ${step.command}`, "  recorded:", ...step.output, "  now:", ...output);
  }
  terminal.close();
  assert.equal(failures.join("\n"), "");
}

async function record(script: Script, kubeconfig: string): Promise<void> {
  const terminal = await openTerminal(script, kubeconfig);
  const steps: Step[] = [];
  for (const step of script.steps) {
    if (step.eventually) await new Promise((resolve) => setTimeout(resolve, recordAfterMs));
    steps.push({ ...step, output: await terminal.run(step) });
  }
  const command = `kubectl delete namespace ${script.name} --wait=false`;
  await terminal.run({ command, stdin: "", eventually: false, output: [] });
  terminal.close();
  writeScript({ ...script, steps });
}
