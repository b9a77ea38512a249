import { dirname, join } from "node:path";

/** What a new cluster begins with stands beside the bundle; there is none where the sources run as they are. */
export function seedFile(): string {
  return join(dirname(process.argv[1] ?? ""), "seed.json");
}
