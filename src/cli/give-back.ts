/**
 * Memory that a process that serves holds and does not use, given back. Two hold on to some: V8 lets garbage lie until more has come, and keeps the
 * pages of a young generation that was large once, as it is after a start; glibc gives back what is free at its heap's end, and keeps all that lies
 * below anything still in use: after a thousand connections have come and gone, a hundred megabytes.
 */
import type { Clock } from "../platform/index.ts";

const lookMs = 500;
/** What must have grown before what is free among it is given back. */
const grownBytesMin = 16 * 1024 * 1024;
/** Work between two looks: with less it is quiet. */
const quietMsMax = 15;
/** Looks in a row that find it quiet, three seconds, before what is free is given back: who pauses between two loads needs it again at once. */
const trimLooksMin = 6;
/**
 * The same, ten seconds, before garbage is collected: what a collection takes away with it is part of what V8 has learnt of the code (a create
 * took a fifth longer after one).
 */
const collectLooksMin = 20;
/** Work that a start takes, on slow machines too: whoever has worked longer is past it. */
const startMsMax = 1500;
/** A larger heap takes longer to collect at once than anybody should wait; V8 does it in pieces, when it thinks fit. */
const heapBytesMax = 192 * 1024 * 1024;
/** Work after which quiet is worth a collection, which takes as long as a twentieth of it at most. */
const workedMsMin = 2000;

export interface HeldMemory {
  residentBytes(): number;
  /** Of V8's heap, garbage included. */
  heapBytes(): number;
  /** How long the event loop has worked, milliseconds since the start. */
  workedMs(): number;
  /** Collects garbage; where there has been a start only, thoroughly. */
  collect(thoroughly: boolean): void;
  /** Gives back what is free outside V8's heap. */
  trim(): void;
}

/**
 * Looks twice a second, in the background. What a start leaves is given back at once where nobody has asked for anything yet, everything else when it
 * has been quiet for a while.
 */
export function giveMemoryBack(clock: Clock, memory: HeldMemory = heldMemory()): void {
  let lookedMs: number | undefined;
  let quietLooks = 0;
  let collectedMs: number | undefined;
  let trimmedBytes = Number.POSITIVE_INFINITY;
  clock.every(
    lookMs,
    () => {
      const workedMs = memory.workedMs();
      quietLooks = workedMs - (lookedMs ?? 0) <= quietMsMax ? quietLooks + 1 : 0;
      lookedMs = workedMs;
      const bytes = memory.residentBytes();
      trimmedBytes = Math.min(trimmedBytes, bytes);
      const isStart = collectedMs === undefined && workedMs <= startMsMax;
      const isWorthIt = collectedMs === undefined || workedMs - collectedMs >= workedMsMin;
      const isDue =
        quietLooks >= (isStart ? 1 : collectLooksMin) && isWorthIt && memory.heapBytes() <= heapBytesMax;
      if (isDue) {
        memory.collect(isStart);
        collectedMs = lookedMs = memory.workedMs();
      }
      if (!isDue && (quietLooks < trimLooksMin || bytes - trimmedBytes < grownBytesMin)) return;
      memory.trim();
      trimmedBytes = memory.residentBytes();
    },
    { background: true },
  );
}

/** This process'. */
function heldMemory(): HeldMemory {
  let trim: (() => void) | undefined;
  return {
    residentBytes: () => process.memoryUsage.rss(),
    heapBytes: () => process.memoryUsage().heapUsed,
    workedMs: () => performance.eventLoopUtilization().active,
    collect,
    trim() {
      trim ??= mallocTrim();
      trim();
    },
  };
}

/** V8 has a collection on demand for its tests; its thorough flavour takes twice as long, and empties the pool of pages that wait to be used again. */
function collect(thoroughly: boolean): void {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  setFlagsFromString("--expose-gc");
  const gc = process.getBuiltinModule("node:vm").runInNewContext("gc") as (options: object) => void;
  setFlagsFromString("--no-expose-gc");
  gc({ type: "major", flavor: thoroughly ? "last-resort" : "regular" });
}

interface ForeignFunctions {
  dlopen(
    library: null,
    functions: Record<string, { arguments: string[]; return: string }>,
  ): { readonly functions: Record<string, (argument: bigint) => number> };
}

/** malloc_trim(3), where Node lets call it (node:ffi, from Node 26 on) and the C library has it. */
function mallocTrim(): () => void {
  const { emitWarning } = process;
  try {
    // That it is experimental is no news for who runs the server: without it, memory is given back later.
    process.emitWarning = () => {};
    const ffi = process.getBuiltinModule("node:ffi") as ForeignFunctions | undefined;
    const malloc_trim = ffi?.dlopen(null, { malloc_trim: { arguments: ["u64"], return: "i32" } }).functions[
      "malloc_trim"
    ];
    return () => malloc_trim?.(0n);
  } catch {
    return () => {};
  } finally {
    process.emitWarning = emitWarning;
  }
}
