/**
 * Volumes as directories. Those with content of the API are written as the kubelet does: a directory with a time in its name, a link
 * `..data` to it that is replaced in one step, and a link beside it for every file; a reader never sees half an update.
 */
import { dirname, join, normalize } from "node:path";
import { type KubeObject, parseQuantity, quantityValue, StatusError } from "../../apimachinery/index.ts";
import { utf8 } from "../../base/index.ts";
import type { Files, Machine } from "../../platform/index.ts";
import { ClaimError, type ClaimedPlace, isClaimed } from "./claims.ts";
import { contentsOf, type ObjectSource } from "./environment.ts";
import { fieldValue, type PodPlace, resourceValue } from "./fields.ts";
import { isLocal } from "./images.ts";
import type { DownwardItem, KeyToPath, Pod, ProjectedSource, Volume } from "./pod.ts";
import { closeToOthers, soleUser } from "./users.ts";
import { giveToGroup } from "./volume-ownership.ts";

/** A volume that cannot be made yet. */
class VolumeError extends Error {}

export interface VolumeContext {
  readonly machine: Machine;
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly objects: ObjectSource;
  /** Where a claimed volume is. @throws ClaimError */
  claimed(volume: Volume): Promise<ClaimedPlace>;
  /** Undefined where a medium in memory is a directory like all others. */
  readonly mountMemory: ((path: string, bytes: bigint | undefined) => Promise<void>) | undefined;
  /** A token for the pod's service account; undefined where the server gives none. */
  token(request: { audience: string | undefined; expirationSeconds: number }): Promise<string | undefined>;
}

/** A file of a volume: its bytes, its mode, and the user it belongs to where that is not the agent's. */
interface VolumeFile {
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly owner?: number | undefined;
}

const defaultFileMode = 0o644;
const ownFileMode = 0o600;
const tokenSecondsDefault = 3_600;

/** Makes the volume where it is missing and brings its content up to date. @throws VolumeError */
export async function makeVolume(volume: Volume, path: string, context: VolumeContext): Promise<void> {
  const { files } = context.machine;
  const { fsGroup, fsGroupChangePolicy } = context.pod.spec.securityContext ?? {};
  if (volume.hostPath !== undefined) return linkHostPath(volume.name, volume.hostPath, path, files);
  if (volume.emptyDir !== undefined || isClaimed(volume)) {
    // Made once: what its programs did with it since is theirs.
    if ((await files.status(path)) !== undefined) return;
    let given: string | undefined = path;
    if (volume.emptyDir !== undefined) await makeEmpty(volume.emptyDir, path, context);
    else {
      const place = await context.claimed(volume);
      await linkHostPath(volume.name, place, path, files);
      given = place.isHostPath ? undefined : place.path;
    }
    if (fsGroup !== undefined && given !== undefined)
      await giveToGroup(files, given, {
        gid: fsGroup,
        readOnly: false,
        unlessRootIs: fsGroupChangePolicy === "OnRootMismatch",
      });
    return;
  }
  const wanted = await contentOf(volume, context);
  if (wanted === undefined) {
    const source = Object.keys(volume).find((key) => key !== "name") ?? "nothing";
    throw new VolumeError(
      `MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : volumes of type ${source} cannot be had on a node that runs local processes: use emptyDir, hostPath, configMap, secret, downwardAPI, projected or persistentVolumeClaim`,
    );
  }
  await writeContent(context.machine, path, wanted);
  // What runs in a root of its own has a user of its image, and nobody beside it sees the volume.
  if (isSecret(volume) && context.pod.spec.containers.every(isLocal))
    await closeToOthers(path, context.pod, context.machine);
  if (fsGroup !== undefined) await giveToGroup(files, path, { gid: fsGroup, readOnly: true });
}

async function makeEmpty(
  { medium, sizeLimit }: NonNullable<Volume["emptyDir"]>,
  path: string,
  { machine, mountMemory }: VolumeContext,
): Promise<void> {
  await machine.files.makeDirectory(path, 0o777);
  if (medium === "Memory")
    await mountMemory?.(path, sizeLimit === undefined ? undefined : quantityValue(parseQuantity(sizeLimit)));
}

const isSecret = ({ secret, projected }: Volume): boolean =>
  secret !== undefined ||
  (projected?.sources ?? []).some((one) => (one.secret ?? one.serviceAccountToken) !== undefined);

async function linkHostPath(
  name: string,
  { path: target, type = "" }: { readonly path: string; readonly type?: string },
  path: string,
  files: Files,
): Promise<void> {
  const found = await files.status(target);
  const failed = (what: string): VolumeError =>
    new VolumeError(
      `MountVolume.SetUp failed for volume ${JSON.stringify(name)} : hostPath type check failed: ${target} ${what}`,
    );
  const kinds: Readonly<Record<string, string>> = { Directory: "directory", File: "file", Socket: "socket" };
  if (found === undefined) {
    // Of no type, it is the container runtime that makes the directory.
    if (type === "DirectoryOrCreate" || type === "") await files.makeDirectory(target);
    else if (type === "FileOrCreate") await files.write(target, new Uint8Array(), 0o644);
    else throw failed(`is not a ${kinds[type] ?? type}`);
  } else if (kinds[type] !== undefined && found.kind !== kinds[type]) throw failed(`is not a ${kinds[type]}`);
  await files.makeDirectory(dirname(path));
  await files.link(target, path);
}

/** Undefined for a type of volume that there is not here. */
async function contentOf(
  volume: Volume,
  context: VolumeContext,
): Promise<Map<string, VolumeFile> | undefined> {
  const content = new Map<string, VolumeFile>();
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined)
    await addObject(content, "configmap", configMap, configMap.defaultMode ?? defaultFileMode, context);
  else if (secret !== undefined) {
    const ref = { ...secret, name: secret.secretName ?? "" };
    await addObject(content, "secret", ref, secret.defaultMode ?? defaultFileMode, context);
  } else if (downwardAPI !== undefined)
    addDownward(content, downwardAPI.items ?? [], downwardAPI.defaultMode ?? defaultFileMode, context);
  else if (projected !== undefined) {
    for (const source of projected.sources ?? [])
      await addProjected(content, source, projected.defaultMode ?? defaultFileMode, context);
  } else return undefined;
  return content;
}

async function addObject(
  content: Map<string, VolumeFile>,
  kind: "configmap" | "secret",
  ref: { readonly name?: string; readonly optional?: boolean; readonly items?: readonly KeyToPath[] },
  mode: number,
  { objects }: VolumeContext,
): Promise<void> {
  const name = ref.name ?? "";
  const object: KubeObject | undefined = await objects(kind, name);
  if (object === undefined) {
    if (ref.optional === true) return;
    throw new VolumeError(`${kind} ${JSON.stringify(name)} not found`);
  }
  const bytes = contentsOf(object);
  if (ref.items === undefined || ref.items.length === 0) {
    for (const [key, value] of bytes) content.set(key, { bytes: value, mode });
    return;
  }
  for (const item of ref.items) {
    const value = bytes.get(item.key);
    if (value !== undefined) content.set(safePath(item.path), { bytes: value, mode: item.mode ?? mode });
    else if (ref.optional !== true) throw new VolumeError(`references non-existent ${kind} key: ${item.key}`);
  }
}

function addDownward(
  content: Map<string, VolumeFile>,
  items: readonly DownwardItem[],
  mode: number,
  { pod, place }: VolumeContext,
): void {
  for (const item of items) {
    let text = "";
    if (item.fieldRef !== undefined) text = fieldValue(pod, place, item.fieldRef.fieldPath);
    else if (item.resourceFieldRef !== undefined) {
      const first = pod.spec.containers[0];
      if (first !== undefined) text = resourceValue(pod, first, item.resourceFieldRef, place);
    }
    content.set(safePath(item.path), { bytes: utf8(text), mode: item.mode ?? mode });
  }
}

async function addProjected(
  content: Map<string, VolumeFile>,
  source: ProjectedSource,
  mode: number,
  context: VolumeContext,
): Promise<void> {
  if (source.configMap !== undefined) await addObject(content, "configmap", source.configMap, mode, context);
  if (source.secret !== undefined) await addObject(content, "secret", source.secret, mode, context);
  if (source.downwardAPI !== undefined) addDownward(content, source.downwardAPI.items ?? [], mode, context);
  const token = source.serviceAccountToken;
  if (token === undefined) return;
  const text = await context.token({
    audience: token.audience,
    expirationSeconds: token.expirationSeconds ?? tokenSecondsDefault,
  });
  // A server that gives no tokens leaves pods without one; everything else of the volume is there.
  if (text === undefined) return;
  const owner = soleUser(context.pod);
  // The group of the pod's files gets its share of the mode with them.
  const isOwn = owner !== undefined || context.pod.spec.securityContext?.fsGroup !== undefined;
  content.set(safePath(token.path), { bytes: utf8(text), mode: isOwn ? ownFileMode : mode, owner });
}

/** The server has refused paths that lead out of the volume; nobody else's word is taken for it. */
function safePath(path: string): string {
  const clean = normalize(path);
  if (clean.startsWith("/") || clean === ".." || clean.startsWith("../") || clean.startsWith("..data"))
    throw new VolumeError(`a volume's file must stay in the volume: ${path}`);
  return clean;
}

async function writeContent(
  { files, processes }: Machine,
  path: string,
  wanted: ReadonlyMap<string, VolumeFile>,
): Promise<void> {
  await files.makeDirectory(path);
  const present = await files.linkTarget(join(path, "..data"));
  if (present !== undefined && (await sameContent(files, join(path, present), wanted))) return;
  const version = `..${present === "..1" ? 2 : 1}`;
  const directory = join(path, version);
  await files.remove(directory);
  await files.makeDirectory(directory);
  for (const [name, { bytes, mode, owner }] of wanted) {
    const file = join(directory, name);
    await files.makeDirectory(dirname(file));
    await files.write(file, bytes, mode);
    // An agent that is not root runs all programs as itself.
    if (owner !== undefined && processes.user() === 0) await files.own(file, { uid: owner });
  }
  await files.link(version, join(path, "..data"));
  const names = new Set([...wanted.keys()].map((name) => name.split("/", 1)[0] as string));
  for (const name of names) {
    if ((await files.linkTarget(join(path, name))) === undefined)
      await files.link(`..data/${name}`, join(path, name));
  }
  for (const name of await files.list(path))
    if (!name.startsWith("..") && !names.has(name)) await files.remove(join(path, name));
  if (present !== undefined && present !== version) await files.remove(join(path, present));
}

async function sameContent(
  files: Files,
  directory: string,
  wanted: ReadonlyMap<string, VolumeFile>,
): Promise<boolean> {
  let count = 0;
  const rest = [""];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    for (const name of await files.list(join(directory, at)).catch((): string[] => [])) {
      const path = at === "" ? name : `${at}/${name}`;
      if ((await files.status(join(directory, path)))?.kind === "directory") {
        rest.push(path);
        continue;
      }
      count++;
      const file = wanted.get(path);
      if (file === undefined) return false;
      if (Buffer.compare(await files.read(join(directory, path)), file.bytes) !== 0) return false;
    }
  }
  return count === wanted.size;
}

/** Whether somebody refused to give what a volume needs, for now. */
export function volumeFailure(error: unknown): string {
  if (error instanceof VolumeError || error instanceof ClaimError) return error.message;
  if (error instanceof StatusError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
