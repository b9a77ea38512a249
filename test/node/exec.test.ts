import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { execCommand } from "../../src/node/process/exec.ts";
import type { TerminalSize } from "../../src/node/streaming/remote-command.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { until } from "../traffic/world.ts";

const skip = process.platform === "linux" ? false : "terminals come from util-linux";

function run(command: readonly string[]) {
  const listeners: ((size: TerminalSize) => void)[] = [];
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  let text = "";
  stdout.on("data", (chunk) => {
    text += chunk;
  });
  let status: object | undefined;
  const surroundings = { env: { PATH: process.env["PATH"] ?? "" }, cwd: "/" };
  const streams = {
    stdin,
    stdout,
    stderr: null,
    onResize: (listener: (size: TerminalSize) => void) => void listeners.push(listener),
    closed: new Promise<void>(() => {}),
    finish: async (said: object) => {
      status = said;
    },
  };
  const options = { stdin: true, stdout: true, stderr: false, tty: true };
  const done = execCommand(
    nodePlatform(),
    command,
    surroundings,
    options,
    streams,
    new AbortController().signal,
  );
  return {
    stdin,
    done,
    output: () => text,
    status: () => status as { details?: { causes: { message: string }[] } },
    async resize(size: TerminalSize) {
      await until("somebody listens", () => listeners.length > 0);
      for (const listener of listeners) listener(size);
    },
  };
}

test("a command on a terminal has the size that the client's has, at its start and whenever it changes", {
  skip,
}, async () => {
  const script = 'stty size; trap "stty size; exit 3" WINCH; echo set; while :; do sleep 0.02; done';
  const { done, output, status, resize } = run(["sh", "-c", script]);
  await resize({ width: 81, height: 25 });
  await until("it has the first size", () => output() === "25 81\r\nset\r\n");
  await resize({ width: 101, height: 31 });
  await done;
  assert.equal(output(), "25 81\r\nset\r\n31 101\r\n");
  assert.equal(status().details?.causes[0]?.message, "3");
});

test("what is typed before a command on a terminal reads is not lost, and comes back as its echo", {
  skip,
}, async () => {
  const { stdin, done, output } = run(["sh", "-c", "read line; echo got $line"]);
  stdin.write("early\n");
  await done;
  assert.equal(output(), "early\r\ngot early\r\n");
});
