/**
 * What `mountPath` means without a container. Each lies below the container's own directory: the volume at `/etc/app` is found at
 * `$RAFTSMAN_ROOT/etc/app`, which is also where a program starts that is given no workingDir. A workingDir below a mountPath is
 * found there. Nothing is ever mounted over, or written to, the paths of the machine itself.
 */
import { dirname, join, normalize } from "node:path";
import type { Files } from "../../platform/index.ts";
import { expand } from "./expand.ts";
import type { PodPlaces } from "./places.ts";
import type { Container, Volume, VolumeMount } from "./pod.ts";

/** The variable that names the container's own directory. */
export const rootVariable = "RAFTSMAN_ROOT";

export async function mount(
  files: Files,
  container: Container,
  volumes: readonly Volume[],
  places: PodPlaces,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { root } = places.container(container.name);
  await files.makeDirectory(root);
  // Shorter ones first: a volume may be mounted into another.
  const mounts = [...(container.volumeMounts ?? [])].sort((a, b) => a.mountPath.length - b.mountPath.length);
  for (const one of mounts) {
    const volume = volumes.find(({ name }) => name === one.name);
    if (volume === undefined) continue;
    const target = join(places.volume(one.name), subPathOf(one, env));
    // A subPath that is not there yet is a directory of a volume that can be written to.
    if ((await files.status(target)) === undefined && volume.emptyDir !== undefined)
      await files.makeDirectory(target, 0o777);
    const path = join(root, normalize(`/${one.mountPath}`));
    if (path === root || path === `${root}/`) continue;
    await files.makeDirectory(dirname(path));
    if ((await files.linkTarget(path)) === target) continue;
    await files.remove(path);
    await files.link(target, path);
  }
}

/** Where on this machine a path of the container is: below a mountPath the volume, else the machine's own. */
export function pathOf(path: string, container: Container, root: string): string {
  const clean = normalize(path);
  const mounted = container.volumeMounts?.some(({ mountPath }) => {
    const at = normalize(mountPath).replace(/\/$/, "");
    return clean === at || clean.startsWith(`${at}/`);
  });
  return mounted === true ? join(root, clean) : clean;
}

function subPathOf(mount: VolumeMount, env: Readonly<Record<string, string>>): string {
  const text =
    mount.subPathExpr === undefined
      ? (mount.subPath ?? "")
      : expand(mount.subPathExpr, (name) => (Object.hasOwn(env, name) ? env[name] : undefined));
  const clean = normalize(text === "" ? "." : text);
  return clean.startsWith("..") || clean.startsWith("/") ? "." : clean;
}
