/**
 * Memory for frames between being written and leaving, at the end of the same turn of the loop. All connections share it: one that is quiet has
 * none of its own, and thousands that are told the same take the same few pages one after the other. Were each to ask for its own, a burst would be
 * as many megabytes that V8 takes for a reason to collect garbage.
 */

/** The largest holds what a connection gathers before its streams wait, the headers of others with it. */
const pageBytes = [4096, 16_384, 65_536, 294_912] as const;

/** Of pages that nobody uses. */
const keptBytesMax = 4 * 1024 * 1024;

const kept: readonly Buffer[][] = pageBytes.map(() => []);
let keptBytes = 0;

/** The smallest that holds so many bytes, or where no page does the largest; what is on it is anybody's. */
export function takePage(bytes: number): Buffer {
  let size = 0;
  while (size < pageBytes.length - 1 && bytes > (pageBytes[size] as number)) size++;
  const page = kept[size]?.pop();
  if (page === undefined) return Buffer.allocUnsafeSlow(pageBytes[size] as number);
  keptBytes -= page.length;
  return page;
}

/** Nobody reads what is on it any more. */
export function giveBackPage(page: Buffer): void {
  if (keptBytes + page.length > keptBytesMax) return;
  keptBytes += page.length;
  kept[pageBytes.indexOf(page.length as (typeof pageBytes)[number])]?.push(page);
}
