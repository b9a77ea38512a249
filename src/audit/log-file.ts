import { join } from "node:path";
import { stringifyJson } from "../apimachinery/index.ts";
import { utf8 } from "../base/index.ts";
import type { Clock, Disk, DiskFile } from "../platform/index.ts";
import { logBacklogBytesMax } from "./limits.ts";
import type { AuditEvent, AuditSink } from "./types.ts";

export interface LogFileOptions {
  readonly path: string;
  /** Bytes from which on a new file is begun; 0: never. */
  readonly sizeMax: number;
  /** Old files that are kept; 0: all. */
  readonly backupsMax: number;
  /** Days that old files are kept; 0: for ever. */
  readonly daysMax: number;
}

interface LogFileDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Told when events are lost. */
  onTrouble(message: string): void;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * A line for each event, in a file that grows. What comes while the disk is busy shares the next write. When the file would become
 * too large it is set aside as `NAME-2006-01-02T15-04-05.000.EXT` and a new one begun, as lumberjack does it.
 */
export class LogFile implements AuditSink {
  readonly #options: LogFileOptions;
  readonly #deps: LogFileDeps;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #file: { readonly file: DiskFile; size: number } | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: LogFileOptions, deps: LogFileDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** @throws Error where the file cannot be opened */
  async open(): Promise<void> {
    this.#file = await this.#openFile();
  }

  write(event: AuditEvent): void {
    const bytes = utf8(`${stringifyJson(event)}\n`);
    if (this.#waitingBytes + bytes.length > logBacklogBytesMax) {
      this.#lost++;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#drain();
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    await this.#file?.file.close();
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      const lost = this.#lost;
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#lost = 0;
      if (lost > 0) this.#deps.onTrouble(`${lost} audit events are lost: the disk does not keep up`);
      try {
        await this.#append(lines);
      } catch (error) {
        this.#deps.onTrouble(`${lines.length} audit events are lost: ${(error as Error).message}`);
      }
    }
    this.#writing = undefined;
  }

  async #append(lines: readonly Uint8Array[]): Promise<void> {
    const { sizeMax } = this.#options;
    let from = 0;
    while (from < lines.length) {
      this.#file ??= await this.#openFile();
      const open = this.#file;
      let to = from;
      let size = open.size;
      // A line that is larger than a file may be has a file of its own.
      while (to < lines.length) {
        const next = size + (lines[to] as Uint8Array).length;
        if (sizeMax > 0 && next > sizeMax && size > 0) break;
        size = next;
        to++;
      }
      if (to > from) await open.file.write(lines.slice(from, to), open.size);
      open.size = size;
      from = to;
      if (from < lines.length) await this.#setAside(open.file);
    }
  }

  async #openFile(): Promise<{ readonly file: DiskFile; size: number }> {
    const file = await this.#deps.disk.open(this.#options.path, { create: true });
    return { file, size: await file.size() };
  }

  async #setAside(file: DiskFile): Promise<void> {
    const { disk, clock } = this.#deps;
    await file.close();
    this.#file = undefined;
    const { directory, stem, extension } = partsOf(this.#options.path);
    const time = new Date(clock.now()).toISOString().replaceAll(":", "-").slice(0, -1);
    await disk.rename(this.#options.path, join(directory, `${stem}-${time}${extension}`));
    await this.#removeOld();
  }

  async #removeOld(): Promise<void> {
    const { disk, clock } = this.#deps;
    const { backupsMax, daysMax, path } = this.#options;
    const { directory, stem, extension } = partsOf(path);
    const backups = (await disk.list(directory))
      .map((name) => ({ name, at: timeOf(name, stem, extension) }))
      .filter((backup): backup is { name: string; at: number } => backup.at !== undefined)
      .sort((a, b) => b.at - a.at);
    const oldest = daysMax > 0 ? clock.now() - daysMax * dayMs : Number.NEGATIVE_INFINITY;
    for (const [index, { name, at }] of backups.entries())
      if ((backupsMax > 0 && index >= backupsMax) || at < oldest) await disk.remove(join(directory, name));
  }
}

function partsOf(path: string): { directory: string; stem: string; extension: string } {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const dot = name.lastIndexOf(".");
  return {
    directory: slash < 0 ? "." : path.slice(0, slash) || "/",
    stem: dot < 0 ? name : name.slice(0, dot),
    extension: dot < 0 ? "" : name.slice(dot),
  };
}

function timeOf(name: string, stem: string, extension: string): number | undefined {
  if (!name.startsWith(`${stem}-`) || !name.endsWith(extension)) return undefined;
  const text = name.slice(stem.length + 1, name.length - extension.length);
  const [, date, hours, minutes, seconds] =
    /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(text) ?? [];
  return date === undefined ? undefined : Date.parse(`${date}T${hours}:${minutes}:${seconds}Z`);
}
