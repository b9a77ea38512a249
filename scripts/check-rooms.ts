/**
 * Holds the imports of src/ against the room table in .dependency-cruiser.cjs. The number of modules seen is asserted: a cruiser
 * that cannot parse TypeScript sees none and is content.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { cruise } from "dependency-cruiser";
import extractConfig from "dependency-cruiser/config-utl/extract-depcruise-config";

const config = await extractConfig(join(import.meta.dirname, "../.dependency-cruiser.cjs"));
const { output } = await cruise(["src"], {
  ...config.options,
  ruleSet: { forbidden: config.forbidden ?? [] },
  validate: true,
});
if (typeof output === "string") throw new Error("dependency-cruiser answered text instead of its result");

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);
const seen = output.modules.filter(
  (module) => module.source.startsWith("src/") && module.source.endsWith(".ts"),
);
for (const { rule, from, to } of output.summary.violations)
  console.error(`${rule.severity} ${rule.name}: ${from} -> ${to}`);
if (seen.length < files.length) {
  console.error(`rooms: dependency-cruiser saw ${seen.length} of ${files.length} files in src/`);
  process.exitCode = 1;
}
if (output.summary.error > 0) process.exitCode = 1;
if (!process.exitCode) console.log(`rooms: ${seen.length} files, no import outside the table`);
