/** `npm run bench -- store|api|control-plane|dns|discovery|scale|growth|router`: prints a table and writes it to bench/results with machine and commit. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";

const benches = {
  store: () => import("./store.ts"),
  api: () => import("./api.ts"),
  "control-plane": () => import("./control-plane.ts"),
  dns: () => import("./dns.ts"),
  discovery: () => import("./discovery.ts"),
  scale: () => import("./scale.ts"),
  growth: () => import("./growth.ts"),
  router: () => import("./router.ts"),
};

const name = process.argv[2] ?? "";
if (!Object.hasOwn(benches, name)) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join("|")}`);
  process.exit(2);
}
const { bench } = await benches[name as keyof typeof benches]();
const lines = await bench((progress) => console.error(progress));
const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
const dirty =
  git("status", "--porcelain", "--", ".", ":!bench/results") === "" ? "" : " and uncommitted changes";
const head = `# ${name}\n\n${new Date().toISOString().slice(0, 10)}, commit ${git("rev-parse", "--short", "HEAD")}${dirty}, Node ${process.version}, ${machine}, load average ${loadavg()[0]?.toFixed(1)} at the end\n`;
const text = `${head}\n${lines.join("\n")}\n`;
// A part, or a first look, is no result to keep.
const isWhole = process.argv.every((word) => word !== "--quick" && !word.startsWith("--only="));
const results = join(import.meta.dirname, "results");
if (isWhole) {
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${name}.md`), text);
}
console.log(text);
