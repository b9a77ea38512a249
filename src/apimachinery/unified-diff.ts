/**
 * What changed between two texts, line by line, in the unified format and with the choices of Python's difflib, which Kubernetes'
 * error texts show: the longest run of equal lines first, then the runs before and after it.
 */

const contextLines = 3;
/** From so many lines on, lines that are more frequent than one in a hundred anchor no run. */
const frequentFrom = 200;

interface Change {
  readonly isEqual: boolean;
  readonly oldFrom: number;
  readonly oldTo: number;
  readonly newFrom: number;
  readonly newTo: number;
}

/** "" where nothing changed; else hunks, each line ended. */
export function unifiedDiff(oldText: string, newText: string): string {
  const before = oldText.split("\n");
  const after = newText.split("\n");
  let text = "";
  for (const hunk of hunksOf(changesOf(before, after))) {
    const first = hunk[0] as Change;
    const last = hunk.at(-1) as Change;
    text += `@@ -${range(first.oldFrom, last.oldTo)} +${range(first.newFrom, last.newTo)} @@\n`;
    for (const { isEqual, oldFrom, oldTo, newFrom, newTo } of hunk) {
      if (isEqual) text += lines(" ", before.slice(oldFrom, oldTo));
      else text += lines("-", before.slice(oldFrom, oldTo)) + lines("+", after.slice(newFrom, newTo));
    }
  }
  return text;
}

const lines = (sign: string, list: readonly string[]): string =>
  list.map((line) => `${sign}${line}\n`).join("");

/** Lines count from 1; an empty range begins before its place. */
function range(from: number, to: number): string {
  const length = to - from;
  if (length === 1) return String(from + 1);
  return `${length === 0 ? from : from + 1},${length}`;
}

/** Changes with their surroundings; equal lines in between that are many are cut in two. */
function hunksOf(changes: readonly Change[]): Change[][] {
  if (changes.every(({ isEqual }) => isEqual)) return [];
  const hunks: Change[][] = [];
  let hunk: Change[] = [];
  changes.forEach((change, i) => {
    if (!change.isEqual) {
      hunk.push(change);
      return;
    }
    const isFirst = i === 0;
    const isLast = i === changes.length - 1;
    const length = change.oldTo - change.oldFrom;
    if (!isFirst && !isLast && length <= 2 * contextLines) {
      hunk.push(change);
      return;
    }
    if (!isFirst) hunk.push(part(change, 0, Math.min(length, contextLines)));
    if (!isFirst && !isLast) {
      hunks.push(hunk);
      hunk = [];
    }
    if (!isLast) hunk.push(part(change, Math.max(0, length - contextLines), length));
  });
  hunks.push(hunk);
  return hunks;
}

const part = ({ isEqual, oldFrom, newFrom }: Change, from: number, to: number): Change => ({
  isEqual,
  oldFrom: oldFrom + from,
  oldTo: oldFrom + to,
  newFrom: newFrom + from,
  newTo: newFrom + to,
});

interface Run {
  readonly old: number;
  readonly new: number;
  readonly length: number;
}

function changesOf(before: readonly string[], after: readonly string[]): Change[] {
  const places = placesOf(after);
  const runs: Run[] = [];
  const open = [{ oldFrom: 0, oldTo: before.length, newFrom: 0, newTo: after.length }];
  for (let area = open.pop(); area !== undefined; area = open.pop()) {
    const run = longestRun(before, after, places, area);
    if (run.length === 0) continue;
    runs.push(run);
    open.push({ ...area, oldTo: run.old, newTo: run.new });
    open.push({ ...area, oldFrom: run.old + run.length, newFrom: run.new + run.length });
  }
  runs.sort((a, b) => a.old - b.old);
  runs.push({ old: before.length, new: after.length, length: 0 });
  const changes: Change[] = [];
  let [i, j] = [0, 0];
  for (const run of runs) {
    if (i < run.old || j < run.new)
      changes.push({ isEqual: false, oldFrom: i, oldTo: run.old, newFrom: j, newTo: run.new });
    [i, j] = [run.old + run.length, run.new + run.length];
    const last = changes.at(-1);
    if (run.length === 0) continue;
    if (last?.isEqual === true) changes[changes.length - 1] = { ...last, oldTo: i, newTo: j };
    else changes.push({ isEqual: true, oldFrom: run.old, oldTo: i, newFrom: run.new, newTo: j });
  }
  return changes;
}

function placesOf(text: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  text.forEach((line, i) => {
    const list = places.get(line);
    if (list === undefined) places.set(line, [i]);
    else list.push(i);
  });
  if (text.length < frequentFrom) return places;
  const most = Math.floor(text.length / 100) + 1;
  for (const [line, list] of places) if (list.length > most) places.delete(line);
  return places;
}

interface Area {
  readonly oldFrom: number;
  readonly oldTo: number;
  readonly newFrom: number;
  readonly newTo: number;
}

/** Of the longest runs of equal lines in the area the first one, first in the old text. */
function longestRun(
  before: readonly string[],
  after: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  { oldFrom, oldTo, newFrom, newTo }: Area,
): Run {
  let best: Run = { old: oldFrom, new: newFrom, length: 0 };
  let lengths = new Map<number, number>();
  for (let i = oldFrom; i < oldTo; i++) {
    const next = new Map<number, number>();
    for (const j of places.get(before[i] as string) ?? []) {
      if (j < newFrom) continue;
      if (j >= newTo) break;
      const length = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, length);
      if (length > best.length) best = { old: i - length + 1, new: j - length + 1, length };
    }
    lengths = next;
  }
  let { old: start, new: other, length } = best;
  while (start > oldFrom && other > newFrom && before[start - 1] === after[other - 1]) {
    start--;
    other--;
    length++;
  }
  while (start + length < oldTo && other + length < newTo && before[start + length] === after[other + length])
    length++;
  return { old: start, new: other, length };
}
