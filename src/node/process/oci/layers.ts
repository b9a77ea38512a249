/**
 * Layers as directories, each unpacked once for all images and containers of the node; an overlay puts them on top of each other. What a
 * layer takes away of those below, its archive marks with `.wh.` names, and an overlay with devices and attributes.
 */
import { dirname, join } from "node:path";
import type { Machine } from "../../../platform/index.ts";
import { runCommand } from "../run-command.ts";
import { LayoutError } from "./layout.ts";

/** Unpacking and the few commands around it. Milliseconds. */
const unpackMsMax = 600_000;
const whiteout = ".wh.";
const opaque = ".wh..wh..opq";

/** The names of what a layer removes. Bytes. */
const removalsBytesMax = 16 * 1024 * 1024;

/** Digests are cut to this in names: all of them stand in one option of one mount(2). */
const nameChars = 32;

export class LayerStore {
  readonly #machine: Machine;
  readonly #directory: string;
  readonly #unpacking = new Map<string, Promise<void>>();

  constructor(machine: Machine, directory: string) {
    this.#machine = machine;
    this.#directory = directory;
  }

  /** Its name in the store's directory. `archive`: asked for where it has to be unpacked. @throws LayoutError */
  async have(digest: string, archive: () => Promise<string>): Promise<string> {
    const name = digest.slice("sha256:".length, "sha256:".length + nameChars);
    if ((await this.#machine.files.status(join(this.#directory, name))) !== undefined) return name;
    let work = this.#unpacking.get(name);
    if (work === undefined) {
      work = this.#unpack(name, archive).finally(() => this.#unpacking.delete(name));
      this.#unpacking.set(name, work);
    }
    await work;
    return name;
  }

  /** Beside its place, and moved there when all of it is there. */
  async #unpack(name: string, archive: () => Promise<string>): Promise<void> {
    const { files } = this.#machine;
    const path = await archive();
    const place = join(this.#directory, `${name}.new`);
    await files.remove(place);
    await files.makeDirectory(place, 0o755);
    await this.#run(["tar", "-xpf", path, "-C", place, "--same-owner", "--numeric-owner"], path);
    await this.#markRemovals(place);
    await files.rename(place, join(this.#directory, name));
  }

  async #markRemovals(place: string): Promise<void> {
    const found = await this.#run(["find", ".", "-xdev", "-name", `${whiteout}*`, "-print0"], place, place);
    if (found.length >= removalsBytesMax) throw new LayoutError(`${place}: the layer removes too many files`);
    for (const path of found.split("\0")) {
      if (path === "") continue;
      const marker = join(place, path);
      const directory = dirname(marker);
      const name = marker.slice(directory.length + 1);
      await this.#machine.files.remove(marker);
      if (name === opaque)
        await this.#run(["setfattr", "-n", "trusted.overlay.opaque", "-v", "y", directory], place);
      else if (!name.startsWith(`${whiteout}${whiteout}`))
        await this.#run(["mknod", join(directory, name.slice(whiteout.length)), "c", "0", "0"], place);
    }
  }

  async #run(command: readonly string[], of: string, cwd = this.#directory): Promise<string> {
    const env = this.#machine.processes.environment();
    const { exitCode, output } = await runCommand(this.#machine, {
      command,
      env,
      cwd,
      timeoutMs: unpackMsMax,
      outputBytesMax: removalsBytesMax,
    }).catch((error: Error) => ({ exitCode: 127, output: error.message }));
    if (exitCode !== 0)
      throw new LayoutError(
        `failed to unpack ${of}: ${command[0]}: ${output.trim() || `ended with ${exitCode}`}`,
      );
    return output;
  }
}
