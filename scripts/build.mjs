/**
 * Makes dist/: what `bin` and the package run. One bundle, split where the command loads lazily, because reading one file is quicker
 * than resolving hundreds. Does nothing where dist/ is newer than everything it is made of.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "dist/raftsman.js");
const chunks = join(root, "dist/chunks");

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
const heavyBuiltins = /^(node:)?(child_process|crypto|dgram|dns|http|http2|https|net|tls|util|v8|zlib)$/;
const builtinsWhenUsed = {
  name: "builtins-when-used",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: heavyBuiltins }, ({ path, kind }) =>
      kind === "import-statement" || kind === "require-call"
        ? { path, namespace: "when-used" }
        : { path, external: true },
    );
    onLoad({ filter: /^/, namespace: "when-used" }, ({ path }) => {
      const names = Object.getOwnPropertyNames(process.getBuiltinModule(path));
      const getters = names.map((name) => `get ${name}() { return loaded().${name}; }`);
      return {
        contents: `
          let it;
          const loaded = () => it ??= process.getBuiltinModule(${JSON.stringify(path)});
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

/** The commands that ask a server: all others load nearly all there is. */
const clients =
  /^src[/]cli[/](raftsman|compiled-scripts|program|commands[/](apply|delete|get|register|scale|watch))[.]ts$/;

/** The CommonJS packages in the bundle ask for Node's own modules with require. */
const banner =
  "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);";

/**
 * What a server, or a store, loads at its start lies in some forty chunks, cut by what else shares them, and each costs a start what finding, reading
 * and linking a file takes. Those that no client needs become one script for both, and one more for a server: scripts, because of those more can be
 * kept compiled than of modules (`src/cli/compiled-scripts.ts`). Each has a module that runs it and has its exports; and where the chunks were, the names
 * that they export are passed on, for whoever loads them later.
 */
async function joinChunks({ outputs }) {
  const entries = Object.fromEntries(
    Object.entries(outputs).map(([path, { entryPoint }]) => [entryPoint, path]),
  );
  const reached = (from, seen = new Set()) => {
    if (seen.has(from)) return seen;
    seen.add(from);
    for (const { path, kind, external } of outputs[from].imports)
      if (kind === "import-statement" && !external) reached(path, seen);
    return seen;
  };
  const server = reached(entries["src/cli/commands/serve.ts"]);
  const store = reached(entries["src/cli/store/serve.ts"]);
  const others = new Set();
  for (const [entry, path] of Object.entries(entries)) if (clients.test(entry)) reached(path, others);
  const joined = [...server].filter((path) => !others.has(path));
  const parts = {
    store: joined.filter((path) => store.has(path)),
    server: joined.filter((path) => !store.has(path)),
  };
  const alias = (path, name) => `_${joined.indexOf(path)}_${name}`;
  const scripts = await Promise.all(
    Object.entries(parts).map(([part, paths]) => makeScript(part, { paths, outputs, alias, parts })),
  );
  for (const { part, path, given } of scripts) {
    const names = parts[part].flatMap((from) => outputs[from].exports.map((name) => alias(from, name)));
    writeFileSync(
      join(chunks, `${part}.js`),
      [
        `import { join } from "node:path";`,
        `import { compiledScripts } from "./compiled-scripts.js";`,
        ...given.map((name, i) => `import * as given${i} from "./${name}";`),
        `const given = { ${given.map((name, i) => `${JSON.stringify(name)}: given${i}`).join(", ")} };`,
        `const load = (name) => import(name);`,
        `const it = compiledScripts.run(join(import.meta.dirname, ${JSON.stringify(basename(path))}), given, load);`,
        `export const ${names.map((name) => `${name} = it.${name}`).join(", ")};`,
        "",
      ].join("\n"),
    );
    for (const from of parts[part]) {
      const passedOn = outputs[from].exports.map((name) => `${alias(from, name)} as ${name}`);
      writeFileSync(join(root, from), `export { ${passedOn.join(", ")} } from "./${part}.js";\n`);
      rmSync(join(root, `${from}.map`), { force: true });
    }
  }
}

/**
 * Makes one script of chunks: an expression, a function of `module`, `require`, the modules that it imports (`given`, by the name of the file), what loads others, and its URL.
 * Returns where it is, and which modules it wants.
 */
async function makeScript(part, { paths, outputs, alias, parts }) {
  const names = new Set(paths.map((path) => basename(path)));
  const partOf = (path) => Object.keys(parts).find((other) => parts[other].includes(path));
  const given = new Set();
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [{ in: `joined:${part}`, out: part }],
    outdir: chunks,
    entryNames: "[name]-[hash]",
    outExtension: { ".js": ".cjs" },
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node22.19",
    minify: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    define: { "import.meta.url": "scriptUrl" },
    banner: { js: "(function (module, require, given, load, scriptUrl) {" },
    footer: { js: "})" },
    // What there is to warn of, the first pass has.
    logLevel: "error",
    plugins: [
      {
        name: "joined",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^joined:/ }, ({ path }) => ({ path, namespace: "joined" }));
          onLoad({ filter: /^/, namespace: "joined" }, () => ({
            contents: paths
              .map((path) => {
                const clauses = outputs[path].exports.map((name) => `${name} as ${alias(path, name)}`);
                return `export { ${clauses.join(", ")} } from "./${basename(path)}";`;
              })
              .join("\n"),
            resolveDir: chunks,
          }));
          onResolve({ filter: /^[.]/ }, ({ path }) =>
            names.has(basename(path)) ? undefined : { path: basename(path), namespace: "given" },
          );
          // Constants: a name that is imported would be looked up in its module whenever it is used.
          onLoad({ filter: /^/, namespace: "given" }, ({ path: name }) => {
            const path = `dist/chunks/${name}`;
            const other = partOf(path);
            const from = other === undefined ? name : `${other}.js`;
            given.add(from);
            const exported = outputs[path].exports;
            const nameThere = (one) => (other === undefined ? one : alias(path, one));
            return {
              contents: exported
                .map(
                  (one, i) =>
                    `const v${i} = given[${JSON.stringify(from)}].${nameThere(one)}; export { v${i} as ${one} };`,
                )
                .join("\n"),
            };
          });
          // A script is given its require, and what loads modules: by itself it may not.
          onLoad({ filter: /[/]dist[/]chunks[/].*[.]js$/ }, ({ path }) => ({
            contents: readFileSync(path, "utf8")
              .replace(banner, "")
              .replace(/\bimport\((?=")/g, "load("),
            loader: "js",
          }));
        },
      },
    ],
  });
  const path = Object.keys(metafile.outputs).find((output) => output.endsWith(".cjs"));
  return { part, path, given: [...given] };
}

/** One letter that is not ASCII makes V8 keep a whole file with two bytes a letter. esbuild escapes them in texts, not in regular expressions. */
function checkAscii() {
  for (const path of globSync("dist/**/*.{js,cjs}", { cwd: root })) {
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
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [
      { in: "src/cli/raftsman.ts", out: "raftsman" },
      { in: "src/cli/compiled-scripts.ts", out: "chunks/compiled-scripts" },
    ],
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
    banner: { js: banner },
  });
  await joinChunks(metafile);
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
