/**
 * Mistakes that somebody could make, planted one at a time between the parts of simulated members: nothing of them is in the product. The
 * simulator must find each; one that it does not find says what its faults or its checkers lack.
 *
 *   npm run sim -- --bug NAME [--seeds 1000]
 */
import { bugsOfTheCore } from "./of-the-core.ts";
import { bugsOfTheDisk } from "./of-the-disk.ts";
import { bugsOfTheState } from "./of-the-state.ts";

export { type Bug, plantInParts, plantInPlatform } from "./bug.ts";

export const bugs = { ...bugsOfTheDisk, ...bugsOfTheCore, ...bugsOfTheState };

export type BugName = keyof typeof bugs;
