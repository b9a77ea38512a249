/** What the demo prints: titles, ticks, small tables, and the summary at the end. Plain text where it is no terminal. */
import Table from "cli-table3";
import { paint } from "../../src/cli/paint.ts";

const results: { what: string; held: boolean; detail: string }[] = [];

export function title(text: string): void {
  console.log(`\n${paint(["bold", "cyan"], `▸ ${text}`)}`);
}

export function note(text: string): void {
  console.log(paint("dim", text));
}

/** A promise of the demo, and whether it held. */
export function check(what: string, held: boolean, detail = ""): void {
  results.push({ what, held, detail });
  const tick = held ? paint("green", "✓") : paint("red", "✗");
  console.log(`${tick} ${what}${detail === "" ? "" : `: ${detail}`}`);
}

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const shown = new Table({ head: [...head], style: { head: [], border: [] } });
  shown.push(...rows.map((row) => [...row]));
  console.log(shown.toString());
}

/** All promises; how many did not hold. */
export function summarize(tookMs: number): number {
  console.log("");
  table(
    ["", "what", ""],
    results.map(({ what, held, detail }) => [
      held ? paint("green", "✓") : paint("red", "✗"),
      what,
      detail.split("\n")[0] ?? "",
    ]),
  );
  const failures = results.filter(({ held }) => !held).length;
  const verdict = failures === 0 ? "Everything held" : `${failures} did not hold`;
  console.log(`${verdict}, in ${(tookMs / 1000).toFixed(1)} s.`);
  return failures;
}
