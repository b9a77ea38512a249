import { join } from "node:path";
import type { Disk } from "../platform/index.ts";

/** `0000000000000003-00000000000004d2.wal`: the third segment since the log was made; the entry expected next when it began. */
export interface SegmentName {
  readonly number: number;
  readonly firstIndex: number;
}

const pattern = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

export function segmentPath(directory: string, { number, firstIndex }: SegmentName): string {
  return join(directory, `${hex(number)}-${hex(firstIndex)}.wal`);
}

/** In order. Segments that were not finished when the process ended are removed, where something may be (`repair`). */
export async function listSegments(
  disk: Disk,
  directory: string,
  { repair }: { repair: boolean },
): Promise<SegmentName[]> {
  const segments: SegmentName[] = [];
  for (const name of await disk.list(directory)) {
    const match = pattern.exec(name);
    if (match !== null) {
      segments.push({
        number: Number.parseInt(match[1] ?? "", 16),
        firstIndex: Number.parseInt(match[2] ?? "", 16),
      });
    } else if (repair && name.endsWith(".tmp")) await disk.remove(join(directory, name));
  }
  return segments.sort((a, b) => a.number - b.number);
}

function hex(value: number): string {
  return value.toString(16).padStart(16, "0");
}
