/**
 * Runs Kubernetes' own conformance tests on a server of ours, a few at a time, each in a process of its own. Not a part of `npm test`: it
 * needs upstream's test binary, which is built from its Go module (docs/CONFORMANCE.md says how, and has the results).
 *
 *     node scripts/build.mjs
 *     node scripts/kubernetes-conformance.ts --e2e-test ./e2e.test --out results.tsv [--filter REGEX] [--images LAYOUT] [--logs DIRECTORY]
 *
 * With `--images`, an OCI image layout, pods are containers (needs root); without, nodes are hollow. Writes one line a test: PASS, FAIL or SKIP, seconds, file, name, and what failed. What the file already has is not run again. Where
 * `--logs` is given, it keeps what those that did not pass had to say.
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
    timeout: { type: "string", default: "330" },
    logs: { type: "string" },
  },
});

function testsOf(binary: string, filter: RegExp): readonly Conformance[] {
  const text = execFileSync(binary, ["--list-tests"], { encoding: "utf8", maxBuffer: 64 << 20 });
  const tests: Conformance[] = [];
  for (const line of text.split("\n")) {
    const [, file = "", name = ""] = /\/test\/e2e\/(\S+\.go):\d+: (.*\[Conformance\])/.exec(line) ?? [];
    if (name !== "" && filter.test(`${file} ${name}`)) tests.push({ name, file });
  }
  return tests;
}

/** Runs one test to its end. */
async function run(binary: string, kubeconfig: string, { name }: Conformance): Promise<Outcome> {
  const seconds = Number(options.timeout);
  const child = spawn(
    binary,
    [
      "--provider=local",
      `--kubeconfig=${kubeconfig}`,
      "--num-nodes=0",
      "--allowed-not-ready-nodes=-1",
      `--ginkgo.focus=${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`,
      `--ginkgo.timeout=${seconds}s`,
      "--ginkgo.no-color",
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: (seconds + overtimeSeconds) * 1_000,
      killSignal: "SIGKILL",
    },
  );
  let log = "";
  const keep = (chunk: Buffer): void => {
    // A line of thousands of S for the tests that are passed over.
    log += chunk.toString().replace(/S{20,}/g, "");
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  await new Promise((resolve) => child.on("close", resolve));
  if (/ 1 Passed \| 0 Failed/.test(log)) return { result: "PASS", reason: "" };
  if (options.logs !== undefined) keepLog(options.logs, name, log);
  if (/ 0 Passed \| 0 Failed/.test(log)) return { result: "SKIP", reason: "skips itself" };
  const lines = log.split("\n");
  const at = lines.findLastIndex((line) => /^\s*\[(FAILED|TIMEDOUT|PANICKED)\]/.test(line));
  const told = at < 0 ? "did not end in time" : lines.slice(at, at + 4).join(" ");
  return { result: "FAIL", reason: told.replace(/\s+/g, " ").trim().slice(0, reasonCharsMax) };
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
  const cluster =
    options.kubeconfig === undefined ? await start() : { kubeconfig: options.kubeconfig, stop: () => {} };
  const work = async (): Promise<void> => {
    for (let test = left.shift(); test !== undefined; test = left.shift()) {
      const startedAt = Date.now();
      const { result, reason } = await run(binary, cluster.kubeconfig, test);
      const seconds = Math.round((Date.now() - startedAt) / 1_000);
      known.set(test.name, result);
      appendFileSync(out, `${[result, seconds, test.file, test.name, reason].join("\t")}\n`);
      console.log(`${result} ${seconds} s ${test.name}${reason === "" ? "" : `\n     ${reason}`}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: Number(options.parallel) }, work));
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
