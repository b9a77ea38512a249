/** What a machine's disk holds, and what of it survives: files with changes that no datasync has covered, names that no directory sync has. */
import { dirname } from "node:path";
import type { World } from "./world.ts";

const sectorBytes = 512;

/** A change of a file that a datasync makes durable. */
export type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

/** Bytes that grow. */
export class Content {
  #bytes: Uint8Array;
  size: number;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  apply(change: Change): void {
    if (change.kind === "write") this.#write(change.position, change.bytes);
    else this.#resize(change.size);
  }

  #write(position: number, bytes: Uint8Array): void {
    if (position + bytes.length > this.size) this.#resize(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  #resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2, 256));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    this.size = size;
  }
}

export class FileNode {
  /** As the running system sees it. */
  current = new Content();
  durable = new Content();
  /** Made, and not durable, in order. */
  unsynced: Change[] = [];

  change(change: Change): void {
    this.current.apply(change);
    this.unsynced.push(change);
  }

  /** These are durable now. */
  sync(changes: readonly Change[]): void {
    for (const change of changes) this.durable.apply(change);
    const synced = new Set(changes);
    this.unsynced = this.unsynced.filter((change) => !synced.has(change));
  }
}

/** A change of a directory that no directory sync has covered. `node` undefined: the name goes. */
interface Relink {
  readonly path: string;
  readonly node: FileNode | undefined;
}

/** What power loss does to what was not synced. */
export type LossKind = "nothing survives" | "a prefix survives" | "any sectors survive" | "all survives";

export class Storage {
  readonly files = new Map<string, FileNode>();
  readonly directories = new Set<string>();
  #durableFiles = new Map<string, FileNode>();
  #relinks: Relink[] = [];

  link(path: string, node: FileNode | undefined): void {
    if (node === undefined) this.files.delete(path);
    else this.files.set(path, node);
    this.#relinks.push({ path, node });
  }

  /** What a directory sync that begins now will have covered. */
  relinksIn(directory: string): readonly unknown[] {
    return this.#relinks.filter(({ path }) => dirname(path) === directory);
  }

  syncDirectory(covered: readonly unknown[]): void {
    const synced = new Set(covered);
    for (const relink of this.#relinks) if (synced.has(relink)) keep(this.#durableFiles, relink);
    this.#relinks = this.#relinks.filter((relink) => !synced.has(relink));
  }

  /** Bytes of all files. */
  get bytes(): number {
    let bytes = 0;
    for (const { current } of this.files.values()) bytes += current.size;
    return bytes;
  }

  /** Whether a file's content, but for zeros written ahead, and its name would survive power loss now. */
  isDurable(path: string): boolean {
    const node = this.files.get(path);
    if (node === undefined || this.#durableFiles.get(path) !== node) return false;
    return node.unsynced.every(
      (change) => change.kind === "write" && change.bytes.every((byte) => byte === 0),
    );
  }

  /** The machine loses its power: of each directory's changes a prefix survives, of unsynced writes what `kind` says. */
  losePower(world: World, kind: LossKind): void {
    const survivors = kind === "nothing survives" ? 0 : world.below(this.#relinks.length + 1);
    for (const relink of this.#relinks.slice(0, kind === "all survives" ? undefined : survivors))
      keep(this.#durableFiles, relink);
    this.#relinks = [];
    this.files.clear();
    for (const [path, node] of this.#durableFiles) {
      this.files.set(path, node);
      for (const part of surviving(node.unsynced, world, kind)) node.durable.apply(part);
      node.unsynced = [];
      node.current = new Content(node.durable.bytes.slice());
    }
  }

  /**
   * What is durable changes on its own, in a file whose name begins so: a bit rots, or a write that was meant for another place has
   * landed here. Answers where; undefined: there was nothing to change.
   */
  damage(world: World, prefix: string, kind: "bit rot" | "misdirected write"): string | undefined {
    const paths = [...this.#durableFiles.keys()].filter((path) => path.startsWith(prefix)).sort();
    const path = world.pick(paths);
    const node = path === undefined ? undefined : this.#durableFiles.get(path);
    if (path === undefined || node === undefined) return undefined;
    const used = endOfData(node.durable.bytes);
    if (used < 1) return undefined;
    const at = world.below(used);
    if (kind === "bit rot") {
      const bit = 1 << world.below(8);
      for (const { bytes } of [node.durable, node.current])
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ bit;
      return `${path} at ${at}`;
    }
    const sector = Math.floor(at / sectorBytes) * sectorBytes;
    const from = Math.floor(world.below(used) / sectorBytes) * sectorBytes;
    const stray = node.durable.bytes.slice(from, from + sectorBytes);
    const before = node.durable.bytes.slice(sector, sector + sectorBytes);
    if (stray.length < sectorBytes || Buffer.compare(stray, before) === 0) return undefined;
    for (const { bytes } of [node.durable, node.current])
      if (sector + sectorBytes <= bytes.length) bytes.set(stray, sector);
    return `${path} from ${from} to ${sector}`;
  }

  /** An empty disk in the same machine. */
  replace(): void {
    this.files.clear();
    this.directories.clear();
    this.#durableFiles.clear();
    this.#relinks = [];
  }
}

/** Where the zeros begin that a file ends with. */
function endOfData(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

function keep(names: Map<string, FileNode>, { path, node }: Relink): void {
  if (node === undefined) names.delete(path);
  else names.set(path, node);
}

function surviving(changes: readonly Change[], world: World, kind: LossKind): readonly Change[] {
  switch (kind) {
    case "nothing survives":
      return [];
    case "all survives":
      return changes;
    case "a prefix survives": {
      const whole = world.below(changes.length + 1);
      const torn = changes[whole];
      if (torn?.kind !== "write") return changes.slice(0, whole);
      const parts = sectors(torn);
      return [...changes.slice(0, whole), ...parts.slice(0, world.below(parts.length))];
    }
    case "any sectors survive": {
      const odds = world.random();
      return changes.flatMap(sectors).filter(() => world.chance(odds));
    }
  }
}

/** A write as the disk does it: sector by sector, each whole or not at all. */
function sectors(change: Change): readonly Change[] {
  if (change.kind === "truncate") return [change];
  const parts: Change[] = [];
  const end = change.position + change.bytes.length;
  for (let at = change.position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    const bytes = change.bytes.subarray(at - change.position, next - change.position);
    parts.push({ kind: "write", position: at, bytes });
    at = next;
  }
  return parts;
}
