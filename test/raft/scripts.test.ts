import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { runScript } from "./script.ts";

/** REWRITE=1 accepts what the scripts say now; review the difference before committing it. */
const rewrite = process.env["REWRITE"] === "1";
const folder = new URL("scripts/", import.meta.url);

for (const name of readdirSync(folder).sort()) {
  test(`members talk as ${name} says`, () => {
    const file = new URL(name, folder);
    const written = readFileSync(file, "utf8");
    const replayed = runScript(written);
    if (rewrite) writeFileSync(file, replayed);
    else assert.equal(replayed, written);
  });
}
