/** Gives a volume to the pod's fsGroup, as pkg/volume of Kubernetes does: the group may read and write, and what is made in it is the group's. */
import { join } from "node:path";
import type { Files } from "../../platform/index.ts";

const setGroupId = 0o2000;
const groupReadWrite = 0o060;
const groupRead = 0o040;
const groupEnter = 0o010;

/** `readOnly`: its content is the API's. `unlessRootIs`: all is left as it is where the directory itself is the group's. Does not follow links. */
export async function giveToGroup(
  files: Files,
  path: string,
  {
    gid,
    readOnly,
    unlessRootIs = false,
  }: { readonly gid: number; readonly readOnly: boolean; readonly unlessRootIs?: boolean },
): Promise<void> {
  const root = unlessRootIs ? await files.status(path) : undefined;
  if (root?.gid === gid && (root.mode & setGroupId) !== 0) return;
  const rest = [path];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    await files.own(at, { gid });
    if ((await files.linkTarget(at)) !== undefined) continue;
    const found = await files.status(at);
    // Its program may just be at work in it.
    if (found === undefined) continue;
    const isDirectory = found.kind === "directory";
    const added = (readOnly ? groupRead : groupReadWrite) | (isDirectory ? setGroupId | groupEnter : 0);
    await files.setMode(at, found.mode | added);
    if (isDirectory) for (const name of await files.list(at)) rest.push(join(at, name));
  }
}
