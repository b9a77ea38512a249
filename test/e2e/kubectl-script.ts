/**
 * Scripts of kubectl commands with what they print against a real kube-apiserver 1.35 (with its controller manager and scheduler, and no
 * nodes), so that a reader sees an exchange as a terminal shows it:
 *
 *     $ kubectl create configmap a --from-literal=k=v
 *     | configmap/a created
 *     $ kubectl apply -f - <<EOF
 *     apiVersion: v1
 *     …
 *     EOF
 *     ! Error from server (…)
 *     = 1
 *
 * `|` is standard output, `!` standard error, `=` a status other than 0. `$~` is repeated until it prints that: it looks at what a controller
 * does. What kubectl itself prints in no order (a LimitRange described) has no place here, nor what depends on the minute, or
 * on the second: who manages fields is told in the order of the seconds of their writes. Words are split as a shell does it, without expansion, and variables may stand before the program. Each script has a namespace of
 * its own with its own name. What differs from run to run (times, identifiers, addresses, spaces between columns) is evened out.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { realClient } from "./kubectl-archive.ts";

export interface Step {
  /** As it stands in the script. */
  readonly command: string;
  readonly stdin: string;
  /** Whether it looks at what happens in the background. */
  readonly eventually: boolean;
  /** Output lines with their marks. */
  readonly output: readonly string[];
}

export interface Script {
  readonly path: string;
  /** Also of its namespace. */
  readonly name: string;
  /** Lines before the first step. */
  readonly head: readonly string[];
  readonly steps: readonly Step[];
}

/** @throws Error that names the line that is none of a script */
export function readScript(path: string): Script {
  const head: string[] = [];
  const steps: { command: string; stdin: string; eventually: boolean; output: string[] }[] = [];
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const start = /^\$(~?) (.*?)( <<EOF)?$/.exec(line);
    if (start) {
      const stdin: string[] = [];
      if (start[3] !== undefined) while (lines[++i] !== "EOF") stdin.push(lines[i] as string);
      const text = stdin.map((each) => `${each}\n`).join("");
      steps.push({ command: start[2] as string, stdin: text, eventually: start[1] === "~", output: [] });
    } else if (steps.length === 0) head.push(line);
    else if (/^([|!]( |$)|= \d+$)/.test(line)) steps.at(-1)?.output.push(line);
    else throw new Error(`${path}:${i + 1}: neither a command nor its output: ${line}`);
  }
  return { path, name: basename(path, ".txt"), head, steps };
}

export function writeScript({ path, head, steps }: Script): void {
  const blocks = steps.flatMap(({ command, stdin, eventually, output }) => [
    `$${eventually ? "~" : ""} ${command}${stdin === "" ? "" : " <<EOF"}`,
    ...(stdin === "" ? [] : [`${stdin}EOF`]),
    ...output,
  ]);
  writeFileSync(path, `${[...head, ...blocks].join("\n")}\n`);
}

/** Runs steps as one user of one cluster, in the script's namespace, which is there when this resolves. */
export async function openTerminal(
  script: Script,
  kubeconfig: string,
): Promise<{ run(step: Step): Promise<string[]>; close(): void }> {
  const home = mkdtempSync(join(tmpdir(), "raftsman-kubectl-"));
  const config = join(home, "config");
  writeFileSync(config, readFileSync(kubeconfig));
  const env = { PATH: process.env["PATH"], HOME: home, KUBECONFIG: config, TZ: "UTC" };
  const run = ({ command, stdin }: Pick<Step, "command" | "stdin">): Promise<string[]> => {
    const words = splitWords(command);
    const at = words.indexOf("kubectl");
    const variables = words.slice(0, at).map((word) => /^(\w+)=(.*)$/s.exec(word)?.slice(1) ?? []);
    return new Promise((resolve) => {
      const child = execFile(
        realClient("kubectl"),
        words.slice(at + 1),
        { env: { ...env, ...Object.fromEntries(variables) }, cwd: home, timeout: 60_000 },
        (error, stdout, stderr) => {
          const status = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
          resolve([...marked("|", stdout), ...marked("!", stderr), ...(status === 0 ? [] : [`= ${status}`])]);
        },
      );
      // A program that ends without reading breaks the pipe; its status says what became of it.
      child.stdin?.on("error", () => {});
      child.stdin?.end(stdin);
    });
  };
  await run({ command: `kubectl create namespace ${script.name}`, stdin: "" });
  await run({ command: `kubectl config set-context --current --namespace=${script.name}`, stdin: "" });
  // What every namespace has must be there before pods are made.
  for (const thing of ["serviceaccount/default", "configmap/kube-root-ca.crt"])
    await run({ command: `kubectl wait --for=create ${thing} --timeout=30s`, stdin: "" });
  return { run, close: () => rmSync(home, { recursive: true, force: true }) };
}

/** Single quotes, double quotes and backslashes as in a shell. */
function splitWords(command: string): string[] {
  const words: string[] = [];
  for (const [word] of command.matchAll(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/g)) {
    words.push(
      word.replace(
        /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
        (_, single?: string, double?: string, one?: string) =>
          single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? one ?? "",
      ),
    );
  }
  return words;
}

/** What differs from run to run, and what stands for it. */
const variable: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, "UID"],
  [/\b20\d\d-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} 20\d\d [\d:]+ [+-]\d{4}/g, "TIME"],
  [/20\d\d-\d\d-\d\d [\d:.]+ \+0000/g, "TIME"],
  [/^([EWI])\d{4} [\d:.]+ +\d+/gm, "$1 TIME"],
  [/\b(?:\d+[smhd])+\b|<invalid>/g, "AGE"],
  [/AGE \(x\d+ over AGE\)/g, "AGE"],
  [/(resource ?version\\*"?: *\\*"?)\d+/gi, "$1RV"],
  [/was \d+$/gm, "was RV"],
  [/10\.96\.\d+\.\d+/g, "CLUSTER-IP"],
  [/127\.0\.0\.1:\d+/g, "SERVER"],
  [/-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, "-XXXXX"],
  [/\S*kubectl-edit-\d+\S*/g, "FILE"],
  [/\S*(LIVE|MERGED)-\d+\//g, "$1/"],
  // As long as what stands above them, and columns as wide as their widest value.
  [/--+/g, "--"],
  [/[ \t]+/g, " "],
  [/ $/gm, ""],
];

function marked(mark: string, text: string): string[] {
  if (text === "") return [];
  const even = variable.reduce((all, [pattern, name]) => all.replace(pattern, name), text);
  return even
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => (line === "" ? mark : `${mark} ${line}`));
}
