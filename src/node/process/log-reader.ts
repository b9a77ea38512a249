/**
 * Reads a container's log as `kubectl logs` asks for it. What a line's time is, its log does not say: it is that of the last growth that
 * was noted before the line (log-keeper.ts), exact to some 50 ms; what was written while no agent ran has the time of its first look.
 */
import type { Machine } from "../../platform/index.ts";
import type { LogQuery } from "../agent/log-query.ts";

const chunkBytes = 64 * 1024;
/** A followed file is looked at after so long at the latest: watches can be lost. Milliseconds. */
const lookAgainMs = 250;
/** A line without an end is given out in pieces of this. Bytes. */
const lineBytesMax = 1024 * 1024;

interface LogFiles {
  readonly log: string;
  readonly times: string;
}

/** `ended`: whether the container writes no more. */
export async function* readLog(
  machine: Machine,
  paths: LogFiles,
  query: LogQuery,
  { ended, signal }: { ended: () => boolean; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { files } = machine;
  // The head of the answer goes out before the first line comes.
  yield new Uint8Array();
  let times = await timesIn(machine, paths.times);
  const size = (await files.status(paths.log))?.bytes ?? 0;
  // Without following it is the log as it was when it was asked for: the last line is one, however fast others are written.
  const until = query.follow ? Number.POSITIVE_INFINITY : size;
  let position = Math.max(
    query.sinceMs === undefined ? 0 : await offsetSince(times, query.sinceMs, size),
    query.tailLines === undefined ? 0 : await offsetOfTail(machine, paths.log, size, query.tailLines),
  );
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  let rest: Buffer = Buffer.alloc(0);
  let at = position;
  const emit = (line: Buffer): Buffer => {
    const stamped = query.timestamps ? Buffer.concat([Buffer.from(`${stampAt(times, at)} `), line]) : line;
    at += line.length;
    const piece = stamped.length > left ? stamped.subarray(0, left) : stamped;
    left -= piece.length;
    return piece;
  };
  while (left > 0 && !signal.aborted) {
    // Asked before the read: what is written until it ends is read.
    const last = ended();
    const chunk = Buffer.from(
      await files
        .readAt(paths.log, position, Math.min(chunkBytes, until - position))
        .catch(() => new Uint8Array()),
    );
    if (chunk.length === 0) {
      if (((await files.status(paths.log))?.bytes ?? 0) < position) {
        // The log was cut to its bound.
        position = 0;
        at = 0;
        continue;
      }
      if (!query.follow || last) break;
      await changeOf(machine, paths.log, signal);
      if (query.timestamps) times = await timesIn(machine, paths.times);
      continue;
    }
    position += chunk.length;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole: Buffer[] = [];
    for (let end = rest.indexOf(0x0a); end !== -1 && left > 0; end = rest.indexOf(0x0a)) {
      whole.push(emit(rest.subarray(0, end + 1)));
      rest = rest.subarray(end + 1);
    }
    if (rest.length > lineBytesMax && left > 0) {
      whole.push(emit(rest));
      rest = Buffer.alloc(0);
    }
    if (whole.length > 0) yield Buffer.concat(whole);
    // Someone who follows a prompt wants to see it before its line ends.
    if (query.follow && !query.timestamps && rest.length > 0 && left > 0) {
      yield emit(rest);
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0 && left > 0 && !signal.aborted) yield emit(rest);
}

type Times = readonly (readonly [offset: number, ms: number])[];

async function timesIn(machine: Machine, path: string): Promise<Times> {
  const text = Buffer.from(await machine.files.read(path).catch(() => new Uint8Array())).toString();
  return text.split("\n").flatMap((line) => {
    const [offset, ms] = line.split(" ").map(Number);
    return offset === undefined || ms === undefined || line === "" ? [] : [[offset, ms] as const];
  });
}

/** The last entry at or before the offset. */
function entryAt(times: Times, offset: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((times[middle]?.[0] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function stampAt(times: Times, offset: number): string {
  const ms = times[entryAt(times, offset)]?.[1] ?? 0;
  return new Date(ms).toISOString().replace("Z", "000000Z");
}

async function offsetSince(times: Times, sinceMs: number, size: number): Promise<number> {
  return times.find(([, ms]) => ms >= sinceMs)?.[0] ?? size;
}

/** Where the last so many lines begin. */
async function offsetOfTail(machine: Machine, path: string, size: number, lines: number): Promise<number> {
  if (lines === 0) return size;
  let seen = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunkBytes);
    const chunk = Buffer.from(await machine.files.readAt(path, start, end - start));
    for (let i = chunk.length - 1; i >= 0; i--) {
      // The last line's own end is none between lines.
      if (chunk[i] !== 0x0a || start + i === size - 1) continue;
      if (++seen === lines) return start + i + 1;
    }
    end = start;
  }
  return 0;
}

/** Until the file has changed, or may have. */
function changeOf(machine: Machine, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      unwatch();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = machine.clock.after(lookAgainMs, done, { background: true });
    const unwatch = machine.files.watch(path, done);
    signal.addEventListener("abort", done);
  });
}
