import { dirname, join, normalize } from "node:path";
import type { Files } from "../../platform/index.ts";
import { terminationLogBytesMax, terminationLogLinesMax, terminationMessageBytesMax } from "./limits.ts";
import type { ContainerPlaces } from "./places.ts";
import type { Container } from "./pod.ts";

/** Where a program leaves its last words: terminationMessagePath below its own directory. */
export function terminationMessagePlace(
  container: Container,
  places: ContainerPlaces,
): { path: string; directory: string } {
  const path = join(places.root, normalize(`/${container.terminationMessagePath ?? "/dev/termination-log"}`));
  return { path, directory: dirname(path) };
}

/** What a container said when it ended; of one that failed and said nothing the end of its log, where it wants that. */
export async function terminationMessage(
  files: Files,
  container: Container,
  places: ContainerPlaces,
  { start, failed }: { readonly start: number; readonly failed: boolean },
): Promise<string> {
  const { path } = terminationMessagePlace(container, places);
  const said = await files.readAt(path, 0, terminationMessageBytesMax).catch(() => new Uint8Array());
  if (said.length > 0) return Buffer.from(said).toString();
  if (!failed || container.terminationMessagePolicy !== "FallbackToLogsOnError") return "";
  return logEnd(files, places.log(start));
}

/** The last lines of a log, in bounds. */
export async function logEnd(files: Files, log: string): Promise<string> {
  const size = (await files.status(log))?.bytes ?? 0;
  const tail = await files
    .readAt(log, Math.max(0, size - terminationLogBytesMax), terminationLogBytesMax)
    .catch(() => new Uint8Array());
  return Buffer.from(tail).toString().split("\n").slice(-terminationLogLinesMax).join("\n");
}
