/**
 * Runs Kubernetes' own conformance tests on a server of ours. Not a part of `npm test`: it needs upstream's test binary, which is built from
 * its Go module (docs/CONFORMANCE.md says how, and has the results).
 *
 *     node scripts/build.mjs
 *     node scripts/kubernetes-conformance.ts --e2e-test ./e2e.test --out results.tsv [--others] [--filter REGEX] [--images LAYOUT] [--logs DIRECTORY]
 *
 * The binary takes seconds to start, so a process of it runs `--batch` tests; `--parallel` processes run beside each other, and then those tests
 * alone that are marked `[Serial]`, for they take nodes away from others. With `--images`, an OCI image layout, pods are containers (needs root);
 * without, nodes are hollow. Writes one line a test: PASS, FAIL or SKIP, seconds, file, name, and what failed. What the file already has is not run
 * again. Where `--logs` is given, it keeps what those that did not pass had to say. With `--others` it takes the tests that are not marked
 * `[Conformance]`; `--filter` should name some then, for there are thousands.
 * Ends with status 1 where something failed.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const root = join(import.meta.dirname, "..");
/** A test that hangs ends by itself; the process that holds it must go too. Seconds. */
const overtimeSeconds = 15;
const reasonCharsMax = 300;

interface Conformance {
  readonly name: string;
  /** Below upstream's test/e2e. */
  readonly file: string;
}

interface Outcome {
  readonly result: "PASS" | "FAIL" | "SKIP";
  readonly seconds: number;
  readonly reason: string;
}

const { values: options } = parseArgs({
  options: {
    "e2e-test": { type: "string" },
    out: { type: "string" },
    filter: { type: "string", default: "." },
    kubeconfig: { type: "string" },
    images: { type: "string" },
    parallel: { type: "string", default: "2" },
    batch: { type: "string", default: "8" },
    timeout: { type: "string", default: "330" },
    logs: { type: "string" },
    others: { type: "boolean", default: false },
  },
});

function testsOf(binary: string, filter: RegExp): readonly Conformance[] {
  const text = execFileSync(binary, ["--list-tests"], { encoding: "utf8", maxBuffer: 64 << 20 });
  const tests: Conformance[] = [];
  for (const line of text.split("\n")) {
    const [, file = "", text = ""] = /\/test\/e2e\/(\S+\.go):\d+: (.*)/.exec(line) ?? [];
    const marked = /.*\[Conformance\]/.exec(text)?.[0];
    const name = options.others ? (marked === undefined ? text : "") : (marked ?? "");
    if (name !== "" && filter.test(`${file} ${name}`)) tests.push({ name, file });
  }
  return tests;
}

/** What ginkgo's report says of one test, as far as it is looked at. */
interface SpecReport {
  readonly LeafNodeType: string;
  readonly ContainerHierarchyTexts?: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly State: string;
  /** Nanoseconds. */
  readonly RunTime: number;
  readonly Failure?: { readonly Message?: string };
  readonly CapturedGinkgoWriterOutput?: string;
}

/** Runs some tests, one after the other, to their end. Those that do not end in time have no outcome. */
async function run(
  binary: string,
  kubeconfig: string,
  tests: readonly Conformance[],
): Promise<Map<string, Outcome>> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-conformance-"));
  const report = join(directory, "report.json");
  const seconds = Number(options.timeout) * tests.length;
  const child = spawn(
    binary,
    [
      "--provider=local",
      `--kubeconfig=${kubeconfig}`,
      "--num-nodes=0",
      "--allowed-not-ready-nodes=-1",
      `--ginkgo.focus=${tests.map(({ name }) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")}`,
      `--ginkgo.timeout=${seconds}s`,
      `--ginkgo.json-report=${report}`,
      "--ginkgo.no-color",
    ],
    { stdio: "ignore", timeout: (seconds + overtimeSeconds) * 1_000, killSignal: "SIGKILL" },
  );
  await new Promise((resolve) => child.on("close", resolve));
  const outcomes = new Map<string, Outcome>();
  const suites = existsSync(report)
    ? (JSON.parse(readFileSync(report, "utf8")) as { SpecReports?: readonly SpecReport[] }[])
    : [];
  rmSync(directory, { recursive: true });
  for (const spec of suites.flatMap(({ SpecReports }) => SpecReports ?? [])) {
    if (spec.LeafNodeType !== "It") continue;
    const text = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(" ");
    const name = tests.find((test) => text.includes(test.name))?.name;
    // Those that the focus leaves out are skipped without a word.
    if (name === undefined || (spec.State === "skipped" && !spec.Failure?.Message)) continue;
    outcomes.set(name, outcomeOf(spec));
    if (options.logs === undefined || spec.State === "passed") continue;
    keepLog(options.logs, name, `${spec.CapturedGinkgoWriterOutput ?? ""}\n${spec.Failure?.Message ?? ""}\n`);
  }
  return outcomes;
}

function outcomeOf({ State, RunTime, Failure }: SpecReport): Outcome {
  return {
    result: State === "passed" ? "PASS" : State === "skipped" ? "SKIP" : "FAIL",
    seconds: Math.round(RunTime / 1e9),
    reason: (Failure?.Message ?? "").replace(/\s+/g, " ").trim().slice(0, reasonCharsMax),
  };
}

function keepLog(directory: string, name: string, log: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name.replace(/[^a-zA-Z0-9]+/g, "_").slice(0, 200)}.log`), log);
}

/** A cluster of our own, where none is given. */
async function start(): Promise<{ kubeconfig: string; stop: () => void }> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-conformance-"));
  const kubeconfig = join(directory, "kubeconfig");
  const runtime = options.images === undefined ? [] : ["--runtime", "process", "--images", options.images];
  const flags = ["--nodes", "2", ...runtime, "--port", "0", "--etcd-port", "0"];
  const server = spawn(
    process.execPath,
    [
      join(root, "dist/raftsman.js"),
      "up",
      ...flags,
      "--data-dir",
      join(directory, "data"),
      "--kubeconfig",
      kubeconfig,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await new Promise<void>((resolve, reject) => {
    server.stdout.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes("ready in")) resolve();
    });
    server.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return {
    kubeconfig,
    stop() {
      server.removeAllListeners("exit");
      server.on("exit", () => rmSync(directory, { recursive: true, force: true }));
      server.kill("SIGTERM");
    },
  };
}

async function main(): Promise<void> {
  const { "e2e-test": binary, out } = options;
  if (binary === undefined || out === undefined) throw new Error("--e2e-test and --out are needed");
  if (!existsSync(out)) writeFileSync(out, "");
  const known = new Map(
    readFileSync(out, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split("\t"))
      .map(([result, , , name]) => [name, result]),
  );
  const tests = testsOf(binary, new RegExp(options.filter, "i"));
  const left = tests.filter(({ name }) => !known.has(name));
  const batchSize = Number(options.batch);
  const cluster =
    options.kubeconfig === undefined ? await start() : { kubeconfig: options.kubeconfig, stop: () => {} };
  const note = (test: Conformance, { result, seconds, reason }: Outcome): void => {
    known.set(test.name, result);
    appendFileSync(out, `${[result, seconds, test.file, test.name, reason].join("\t")}\n`);
    console.log(`${result} ${seconds} s ${test.name}${reason === "" ? "" : `\n     ${reason}`}`);
  };
  const work = async (tests: Conformance[]): Promise<void> => {
    for (let batch = tests.splice(0, batchSize); batch.length > 0; batch = tests.splice(0, batchSize)) {
      const outcomes = await run(binary, cluster.kubeconfig, batch);
      for (const test of batch) {
        // One that hangs takes the others' time: each gets its own then.
        const outcome =
          outcomes.get(test.name) ??
          (batch.length === 1 ? undefined : (await run(binary, cluster.kubeconfig, [test])).get(test.name));
        note(
          test,
          outcome ?? { result: "FAIL", seconds: Number(options.timeout), reason: "did not end in time" },
        );
      }
    }
  };
  try {
    const shared = left.filter(({ name }) => !name.includes("[Serial]"));
    await Promise.all(Array.from({ length: Number(options.parallel) }, () => work(shared)));
    await work(left.filter(({ name }) => name.includes("[Serial]")));
  } finally {
    cluster.stop();
  }
  const count = (result: string): number => tests.filter(({ name }) => known.get(name) === result).length;
  console.log(
    `${tests.length} tests: ${count("PASS")} passed, ${count("FAIL")} failed, ${count("SKIP")} skipped`,
  );
  if (count("FAIL") > 0) process.exitCode = 1;
}

await main();
