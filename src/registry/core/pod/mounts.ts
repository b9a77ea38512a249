import { type FieldError, field } from "../../../apimachinery/index.ts";
import { descendingPath, withoutBacksteps } from "../volume/paths.ts";
import type { Container, VolumeMount } from "./types.ts";
import type { Volume } from "./volume-types.ts";

/** Volumes that can be mounted by name. */
export type Volumes = ReadonlyMap<string, Volume>;

/** Where a container sees volumes: as directories (mounts) or as raw devices, never both of one. */
export function validateMounts(container: Container, volumes: Volumes, path: string): FieldError[] {
  const devices = container.volumeDevices ?? [];
  const places = new Set<string>();
  const list = `${path}.volumeMounts`;
  return (container.volumeMounts ?? []).flatMap((mount, i) => {
    const at = `${list}[${i}]`;
    const { name, mountPath } = mount;
    const errors: FieldError[] = [];
    if (name === "") errors.push(field.required(`${at}.name`, ""));
    if (!volumes.has(name)) errors.push(field.notFound(`${at}.name`, name));
    if (mountPath === "") errors.push(field.required(`${at}.mountPath`, ""));
    if (places.has(mountPath)) errors.push(field.invalid(`${at}.mountPath`, mountPath, "must be unique"));
    places.add(mountPath);
    if (devices.some((device) => device.name === name))
      errors.push(field.invalid(`${at}.name`, name, "must not already exist in volumeDevices"));
    if (devices.some(({ devicePath }) => devicePath === mountPath)) {
      const rule = "must not already exist as a path in volumeDevices";
      errors.push(field.invalid(`${at}.mountPath`, mountPath, rule));
    }
    return [...errors, ...validateSubPath(mount, list, at), ...validateModes(mount, container, list)];
  });
}

/** Upstream's texts about what is wrong inside of a mount name the list. */
function validateSubPath(
  { subPath = "", subPathExpr = "" }: VolumeMount,
  list: string,
  at: string,
): FieldError[] {
  const errors = subPath === "" ? [] : descendingPath(subPath, `${list}.subPath`);
  if (subPathExpr === "") return errors;
  if (subPath !== "")
    errors.push(
      field.invalid(`${at}.subPathExpr`, subPathExpr, "subPathExpr and subPath are mutually exclusive"),
    );
  return [...errors, ...descendingPath(subPathExpr, `${list}.subPathExpr`)];
}

const propagations = ["Bidirectional", "HostToContainer", "None"];
const recursiveModes = ["Disabled", "Enabled", "IfPossible"];

function validateModes(mount: VolumeMount, container: Container, list: string): FieldError[] {
  const { mountPropagation, recursiveReadOnly, readOnly } = mount;
  const errors: FieldError[] = [];
  const at = `${list}.mountPropagation`;
  if (mountPropagation !== undefined && !propagations.includes(mountPropagation))
    errors.push(field.notSupported(at, mountPropagation, propagations));
  if (mountPropagation === "Bidirectional" && container.securityContext?.privileged !== true)
    errors.push(
      field.forbidden(at, "Bidirectional mount propagation is available only to privileged containers"),
    );
  if (recursiveReadOnly === undefined || recursiveReadOnly === "Disabled") return errors;
  const inside = `${list}.recursiveReadOnly`;
  if (!recursiveModes.includes(recursiveReadOnly))
    return [...errors, field.notSupported(inside, recursiveReadOnly, recursiveModes)];
  if (readOnly !== true) errors.push(field.forbidden(inside, "may only be specified when readOnly is true"));
  if (mountPropagation !== undefined && mountPropagation !== "None") {
    const rule = "may only be specified when mountPropagation is None or not specified";
    errors.push(field.forbidden(inside, rule));
  }
  return errors;
}

export function validateDevices(container: Container, volumes: Volumes, path: string): FieldError[] {
  const mounts = container.volumeMounts ?? [];
  const names = new Set<string>();
  const places = new Set<string>();
  return (container.volumeDevices ?? []).flatMap(({ name, devicePath }, i) => {
    const at = `${path}.volumeDevices[${i}]`;
    const errors: FieldError[] = [];
    const wrong = (part: "name" | "devicePath", rule: string): void =>
      void errors.push(field.invalid(`${at}.${part}`, part === "name" ? name : devicePath, rule));
    const volume = volumes.get(name);
    if (name === "") errors.push(field.required(`${at}.name`, ""));
    if (names.has(name)) wrong("name", "must be unique");
    if (volume === undefined) errors.push(field.notFound(`${at}.name`, name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined)
      wrong("name", "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    if (devicePath === "") errors.push(field.required(`${at}.devicePath`, ""));
    if (places.has(devicePath)) wrong("devicePath", "must be unique");
    if (withoutBacksteps(devicePath, at).length > 0) wrong("devicePath", "can not contain backsteps ('..')");
    else places.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) wrong("name", "must not already exist in volumeMounts");
    if (mounts.some(({ mountPath }) => mountPath === devicePath))
      wrong("devicePath", "must not already exist as a path in volumeMounts");
    if (name !== "") names.add(name);
    return errors;
  });
}
