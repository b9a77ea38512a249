/**
 * How V8 looks after a server's memory. V8 takes compiled code only with the flags that it was compiled with, Node's own modules' as well as the
 * compile cache's: whoever sets one loads what a start needs first.
 */
import { setFlagsFromString } from "node:v8";
import { compiledScripts } from "./compiled-scripts.ts";

/** For a process that serves, once it is ready; keeps the code compiled until then. */
export function tuneHeap(): void {
  compiledScripts.keep();
  // V8 makes objects old at once where those from the same line of code have lived long before, as they do while a server starts. What such an
  // object refers to then lives until the next collection of the whole heap, long after its request: under load, a quarter of all CPU
  // went into copying the dead.
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/**
 * For one whose data is off the heap, which is small then and whose growth is no reason to look through it: every few megabytes that were written
 * V8 would (it takes those for the heap's), a tenth of a put's CPU.
 */
export function tuneSmallHeap(): void {
  tuneHeap();
  // The heap may become four times what was alive, as large ones may anyway.
  setFlagsFromString("--heap-growing-percent=300");
}
