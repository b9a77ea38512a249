/**
 * Makes dist/: what `bin` and the package run. One bundle, split where the command loads lazily, because reading one file is quicker
 * than resolving hundreds. Does nothing where dist/ is newer than everything it is made of.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "dist/raftsman.js");

/** JSON.parse reads a text faster than the compiler reads the same object as code. */
const jsonAsText = {
  name: "json-as-text",
  setup({ onLoad }) {
    onLoad({ filter: /[/]schemas[/].*[.]json$/ }, ({ path }) => ({
      contents: `export default JSON.parse(${JSON.stringify(JSON.stringify(JSON.parse(readFileSync(path, "utf8"))))})`,
      loader: "js",
    }));
  },
};

/**
 * These modules of Node's are loaded when something of theirs is first used: a store without TLS starts without it, one without images without
 * zlib. An import would load them all, and look at everything that they export: among node:http's exports is the client that fetch is made of,
 * among node:tls' every root certificate, among node:util's what compares two texts. A third of what loading costs.
 */
const heavyBuiltins = /^(node:)?(child_process|crypto|dgram|dns|http|https|net|tls|util|v8|zlib)$/;
const builtinsWhenUsed = {
  name: "builtins-when-used",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: heavyBuiltins }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "when-used" } : { path, external: true },
    );
    onLoad({ filter: /^/, namespace: "when-used" }, ({ path }) => {
      const names = Object.getOwnPropertyNames(process.getBuiltinModule(path));
      const getters = names.map((name) => `get ${name}() { return loaded().${name}; }`);
      return {
        contents: `
          let it;
          const loaded = () => it ??= require(${JSON.stringify(path)});
          module.exports = { ${getters.join(", ")} };`,
        loader: "js",
      };
    });
  },
};

/**
 * koa's tables of media types, three copies of 140 KB, would be read at every start: for `context.type = "html"` and `context.is()`, which no
 * layer of the API server uses.
 */
const mediaTypesLeftOut = {
  name: "media-types-left-out",
  setup({ onLoad }) {
    onLoad({ filter: /[/]mime-db[/]db[.]json$/ }, () => ({ contents: "{}", loader: "json" }));
  },
};

/** One letter that is not ASCII makes V8 keep a whole file with two bytes a letter. esbuild escapes them in texts, not in regular expressions. */
function checkAscii() {
  for (const path of globSync("dist/**/*.js", { cwd: root })) {
    const found = /[^\0-\x7f]/.exec(readFileSync(join(root, path), "utf8"));
    if (found !== null)
      throw new Error(
        `${path} is not ASCII: write ${found[0]} as \\u${found[0].charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
  }
}

/** A server starts and ends once, so that the first start of this checkout finds its code compiled, as every later one does. */
async function compileAhead() {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-build-"));
  const flags = {
    "data-dir": join(directory, "data"),
    "secure-port": "0",
    "listen-client-urls": "https://127.0.0.1:0",
    "listen-peer-urls": "https://127.0.0.1:0",
    "initial-advertise-peer-urls": "https://127.0.0.1:1",
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const server = spawn(join(root, "bin/raftsman"), ["serve", ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(server, "exit");
  // Whatever keeps it from becoming ready is told better by whoever starts it next.
  const patience = setTimeout(() => server.kill("SIGKILL"), 60_000);
  server.stdout.once("data", () => server.kill("SIGTERM"));
  await ended;
  clearTimeout(patience);
  rmSync(directory, { recursive: true, force: true });
}

function newest(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const sources = [
  "src",
  "schemas",
  "package.json",
  "package-lock.json",
  "scripts/build.mjs",
  "scripts/build-seed.ts",
].map((name) => join(root, name));
if (!existsSync(target) || statSync(target).mtimeMs < Math.max(...sources.map(newest))) {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ["src/cli/raftsman.ts"],
    outdir: "dist",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22.19",
    // Two thirds less to read and compile at every start; the source map has the names.
    minify: true,
    plugins: [jsonAsText, builtinsWhenUsed, mediaTypesLeftOut],
    sourcemap: "linked",
    sourcesContent: false,
    // Licences stand in files of their own.
    legalComments: "linked",
    chunkNames: "chunks/[name]-[hash]",
    logLevel: "warning",
    // The CommonJS packages in the bundle ask for Node's own modules with require.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
  });
  checkAscii();
  const seed = spawnSync(
    process.execPath,
    [join(root, "scripts/build-seed.ts"), join(root, "dist/seed.json")],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  if (seed.status !== 0) {
    // Whoever builds again must not find half a build.
    rmSync(target);
    throw new Error("the seed of a new cluster could not be made: see above");
  }
  await compileAhead();
}
