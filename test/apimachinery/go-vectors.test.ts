import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonicalQuantity,
  configMapKeyErrors,
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  envVarNameErrors,
  formatDuration,
  humanDuration,
  labelValueErrors,
  parseDuration,
  parseFieldSelector,
  parseLabelSelector,
  portNameErrors,
  qualifiedNameErrors,
} from "../../src/apimachinery/index.ts";
import vectors from "../fixtures/kubernetes/go-vectors.json" with { type: "json" };

/** Inputs and what k8s.io/apimachinery 1.35 (and Go's time package) made of them, written down by a program that called it. */
interface Vector {
  in: string;
  out?: string;
  error?: string;
}

function check(list: Vector[], run: (text: string) => string): void {
  for (const vector of list) {
    let got: Vector;
    try {
      const out = run(vector.in);
      got = out === "" ? { in: vector.in } : { in: vector.in, out };
    } catch (error) {
      got = { in: vector.in, error: (error as Error).message };
    }
    assert.deepEqual(got, vector);
  }
}

test("a quantity is written and refused as upstream does", () => {
  check(vectors.quantities, canonicalQuantity);
});

test("a label selector reads, prints and fails as upstream's", () => {
  check(vectors.labelSelectors, (text) => parseLabelSelector(text).toString());
});

test("a field selector reads, prints and fails as upstream's", () => {
  check(vectors.fieldSelectors, (text) => parseFieldSelector(text).toString());
});

test("a duration reads and prints as Go's", () => {
  check(vectors.durations, (text) => {
    const nanoseconds = parseDuration(text);
    if (nanoseconds === undefined) throw new Error("bad");
    return formatDuration(nanoseconds);
  });
});

test("an age in a Table cell is upstream's", () => {
  for (const [seconds, text] of Object.entries(vectors.humanDurations)) {
    assert.equal(humanDuration(Number(seconds) * 1_000), text, seconds);
  }
});

test("names break rules in upstream's words", () => {
  for (const row of vectors.names) {
    const checks: [string[] | null, string[]][] = [
      [row.Sub, dns1123SubdomainErrors(row.in)],
      [row.Label, dns1123LabelErrors(row.in)],
      [row.L1035, dns1035LabelErrors(row.in)],
      [row.Qual, qualifiedNameErrors(row.in)],
      [row.LV, labelValueErrors(row.in)],
      [row.CM, configMapKeyErrors(row.in)],
      [row.Port, portNameErrors(row.in)],
      [row.Env, envVarNameErrors(row.in)],
    ];
    for (const [expected, got] of checks) assert.deepEqual(got, expected ?? [], row.in);
  }
});
