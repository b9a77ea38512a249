/**
 * What `mountPath` means for a program without a root of its own. Each lies below the container's own directory: the volume at `/etc/app` is found at
 * `$RAFTSMAN_ROOT/etc/app`, which is also where a program starts that is given no workingDir. A workingDir below a mountPath is
 * found there. Nothing is ever mounted over, or written to, the paths of the machine itself.
 */
import { dirname, join, normalize } from "node:path";
import type { Files } from "../../platform/index.ts";
import { ConfigError } from "./environment.ts";
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
  for (const one of mountsOf(container)) {
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

/** Shorter ones first: a volume may be mounted into another. */
export function mountsOf(container: Container): VolumeMount[] {
  return [...(container.volumeMounts ?? [])].sort((a, b) => a.mountPath.length - b.mountPath.length);
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

/** What of the volume is mounted; "" for all of it. @throws ConfigError */
export function subPathOf(mount: VolumeMount, env: Readonly<Record<string, string>>): string {
  let missing: string | undefined;
  const text =
    mount.subPathExpr === undefined
      ? (mount.subPath ?? "")
      : expand(mount.subPathExpr, (name) => {
          if (Object.hasOwn(env, name)) return env[name];
          missing ??= name;
          return undefined;
        });
  if (missing !== undefined) throw new ConfigError(`missing value for ${JSON.stringify(missing)}`);
  if (text.startsWith("/")) throw new ConfigError(`error SubPath \`${text}\` must not be an absolute path`);
  if (text.split("/").includes(".."))
    throw new ConfigError(`unable to provision SubPath \`${text}\`: must not contain '..'`);
  return text;
}
