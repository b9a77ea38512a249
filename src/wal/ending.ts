/**
 * Where a log ended that was closed. A crash may cut the last write short, so a log that ends too early looks like one that a crash has ended;
 * after a close nothing was under way, and what is missing then is missing. Gone from the first moment at which the log goes on.
 *
 *     end     {"segment":…,"position":…,"sequence":…,"crc":…} │ line feed │ crc32c of that, hexadecimal
 */
import { join } from "node:path";
import { crc32c, fromUtf8, utf8 } from "../base/index.ts";
import type { Disk } from "../platform/index.ts";
import { WalDamagedError } from "./errors.ts";

interface Ending {
  /** File name. */
  readonly segment: string;
  /** Behind its last frame. */
  readonly position: number;
  readonly sequence: number;
  /** Of the last frame. */
  readonly crc: number;
}

const fileName = "end";

/** Undefined: it was not closed, or what says so is damaged: then the log itself is not. */
export async function readEnding(disk: Disk, directory: string): Promise<Ending | undefined> {
  const path = join(directory, fileName);
  if (!(await disk.exists(path))) return undefined;
  const [line = "", checksum] = fromUtf8(await disk.readFile(path)).split("\n");
  return checksum === checksumOf(line) ? (JSON.parse(line) as Ending) : undefined;
}

/** Durable once it resolves. */
export async function writeEnding(disk: Disk, directory: string, ending: Ending): Promise<void> {
  const line = JSON.stringify(ending);
  await disk.replaceFile(join(directory, fileName), utf8(`${line}\n${checksumOf(line)}`));
}

/** Durable with the next sync of the directory. */
export function removeEnding(disk: Disk, directory: string): Promise<void> {
  return disk.remove(join(directory, fileName));
}

/** @throws WalDamagedError where the log was closed behind more than was found of it */
export function mustReachEnding(
  ending: Ending | undefined,
  found: {
    readonly path: string;
    readonly position: number;
    readonly sequence: number;
    readonly crc: number;
  },
): void {
  if (ending === undefined || ending.sequence < found.sequence) return;
  if (ending.sequence === found.sequence && ending.crc === found.crc) return;
  throw new WalDamagedError(
    found.path,
    found.position,
    `the log was closed behind byte ${ending.position} of ${ending.segment}, and ends here`,
  );
}

function checksumOf(line: string): string {
  return crc32c(utf8(line)).toString(16).padStart(8, "0");
}
