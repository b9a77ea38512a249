/**
 * The parts of the bundle that a server starts with, and what V8 made of them. Node's compile cache keeps a module as it is before anything in it has
 * run: whatever a start calls is compiled again at each, a fifth of its work. So the build makes scripts of these parts (`scripts/build.mjs`), and
 * what is kept of a script is what there is of it when the server is ready.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { cachedDataVersionTag } from "node:v8";
import { Script } from "node:vm";

type Exports = Readonly<Record<string, unknown>>;

type Load = (specifier: string) => Promise<unknown>;

/** What a script evaluates to; `given` has the exports of the modules that it imports, by their names; `load` loads others. */
type Body = (
  module: { exports: Exports },
  require: NodeJS.Require,
  given: Readonly<Record<string, Exports>>,
  load: Load,
  url: string,
) => void;

export class CompiledScripts {
  readonly #directory: string;
  /** Run, and not found compiled. */
  readonly #fresh = new Map<string, Script>();

  /** `directory`: where compiled code is kept. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Runs a script once and returns what it exports. Its path has a hash of its text: of a text V8 compares the length only.
   * @throws Error where it cannot be read, and whatever it throws
   */
  run(path: string, given: Readonly<Record<string, Exports>>, load: Load): Exports {
    const kept = this.#pathFor(path);
    const cachedData = readIfThere(kept);
    // The build sees to it that all of it is ASCII.
    const script = new Script(readFileSync(path, "latin1"), {
      filename: path,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    if (cachedData === undefined || script.cachedDataRejected === true) this.#fresh.set(kept, script);
    const { href } = pathToFileURL(path);
    const module = { exports: {} };
    (script.runInThisContext() as Body)(module, createRequire(href), given, load, href);
    return module.exports;
  }

  /**
   * Keeps the code of what ran and was not found compiled, for the next start; where nothing can be written, that compiles again. To be called before
   * V8's flags are changed: it takes only what was compiled with the flags it has.
   */
  keep(): void {
    for (const [path, script] of this.#fresh) {
      const temporary = `${path}.${process.pid}`;
      try {
        mkdirSync(this.#directory, { recursive: true });
        writeFileSync(temporary, script.createCachedData());
        renameSync(temporary, path);
      } catch {
        break;
      }
    }
    this.#fresh.clear();
  }

  /** Other versions of V8, and other flags, have other code. */
  #pathFor(path: string): string {
    return join(this.#directory, `${basename(path)}-${process.arch}-${cachedDataVersionTag().toString(16)}`);
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** This process', beside the bundle. */
export const compiledScripts = new CompiledScripts(join(import.meta.dirname, "../compile-cache"));
