import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  ipErrors,
  parseIp,
  qualifiedNameErrors,
} from "../../../apimachinery/index.ts";
import { complaints, immutable } from "../../rules/values.ts";
import { mayRestart } from "./restart-rules.ts";
import type { ContainerStatus, Pod, PodStatus } from "./types.ts";

/** What a kubelet may say of a pod: upstream's ValidatePodStatusUpdate, with its texts and in its order. */
export function validatePodStatus(next: Pod, old: Pod): FieldError[] {
  const { spec, status = {} } = next;
  const before = old.status ?? {};
  return [
    ...validateConditions(status),
    ...validateNominated(next, old),
    ...immutable("status.qosClass", status.qosClass ?? "", before.qosClass ?? ""),
    ...containerLists.flatMap(({ list, containers }) =>
      validateTransitions(status[list] ?? [], before[list] ?? [], `status.${list}`, (name, exitCode) => {
        const container = containers && spec[containers]?.find((each) => each.name === name);
        return container ? mayRestart(container, spec, exitCode) : false;
      }),
    ),
    ...validateClaimStatuses(next),
    ...validateAddresses("podIPs", status, before),
    ...validateHostAddress(status),
    ...validateAddresses("hostIPs", status, before),
    ...containerLists.flatMap(({ list }) => validateUsers(next, list)),
  ];
}

/** The lists of statuses, each with the containers that it is about; of ephemeral containers no rule says more than their status. */
const containerLists = [
  { list: "containerStatuses", containers: "containers" },
  { list: "initContainerStatuses", containers: "initContainers" },
  { list: "ephemeralContainerStatuses", containers: undefined },
] as const;

const notNegative = "must be a non-negative integer";
const systemConditions = new Set(["PodScheduled", "Ready", "Initialized"]);

function validateConditions({ conditions = [] }: PodStatus): FieldError[] {
  return conditions.flatMap(({ type, observedGeneration = 0 }, i) => {
    const at = `status.conditions[${i}]`;
    const errors =
      observedGeneration < 0
        ? [field.invalid(`${at}.observedGeneration`, observedGeneration, notNegative)]
        : [];
    if (systemConditions.has(type)) return errors;
    return [...errors, ...complaints(`${at}.Type`, type, qualifiedNameErrors(type))];
  });
}

function validateNominated({ status = {} }: Pod, { spec, status: before = {} }: Pod): FieldError[] {
  const { nominatedNodeName: name = "", observedGeneration = 0 } = status;
  const path = "status.nominatedNodeName";
  const errors: FieldError[] = [];
  if (name !== "" && name !== before.nominatedNodeName) {
    errors.push(...complaints(path, name, dns1123SubdomainErrors(name)));
    if (spec.nodeName)
      errors.push(field.forbidden(path, "may not be set on pods that are already bound to a node"));
  }
  if (observedGeneration < 0)
    errors.push(field.invalid("status.observedGeneration", observedGeneration, notNegative));
  return errors;
}

/** A container that has ended stays so unless it may start again. */
function validateTransitions(
  next: readonly ContainerStatus[],
  old: readonly ContainerStatus[],
  path: string,
  mayStart: (name: string, exitCode: number) => boolean,
): FieldError[] {
  return old.flatMap(({ name, state }, i) => {
    const ended = state?.terminated;
    if (ended === undefined) return [];
    const after = next.find((each) => each.name === name && each.state?.terminated === undefined);
    if (after === undefined || mayStart(name, ended.exitCode)) return [];
    return [field.forbidden(`${path}[${i}].state`, "may not be transitioned to non-terminated state")];
  });
}

function validateClaimStatuses({ spec, status = {} }: Pod): FieldError[] {
  const names = new Set<string>();
  const claims = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  return (status.resourceClaimStatuses ?? []).flatMap(({ name, resourceClaimName }, i) => {
    const at = `status.resourceClaimStatuses[${i}].name`;
    const errors: FieldError[] = [];
    if (!claims.has(name))
      errors.push(field.invalid(at, name, "must match the name of an entry in `spec.resourceClaims`"));
    if (names.has(name)) errors.push(field.duplicate(at, name));
    names.add(name);
    if (resourceClaimName === undefined) return errors;
    return [...errors, ...complaints(at, resourceClaimName, dns1123SubdomainErrors(resourceClaimName))];
  });
}

/** New addresses must be some, at most one of each family; what was there before may stay. */
function validateAddresses(list: "podIPs" | "hostIPs", status: PodStatus, before: PodStatus): FieldError[] {
  const path = `status.${list}`;
  const addresses = status[list] ?? [];
  const known = new Set((before[list] ?? []).map(({ ip }) => ip));
  const errors = addresses.flatMap(({ ip }, i) =>
    known.has(ip) ? [] : complaints(`${path}[${i}]`, ip, ipErrors(ip)),
  );
  const families = new Set(addresses.map(({ ip }) => parseIp(ip)?.family));
  if (addresses.length < 2 || (addresses.length === 2 && families.size === 2)) return errors;
  const shown = addresses.map(({ ip }) => ({ IP: ip }));
  return [...errors, field.invalid(path, shown, "may specify no more than one IP for each IP family")];
}

function validateHostAddress({ hostIP = "", hostIPs = [] }: PodStatus): FieldError[] {
  const first = hostIPs[0]?.ip;
  if (first === undefined || first === hostIP) return [];
  return [field.invalid("status.hostIPs[0].ip", first, "must be equal to `hostIP`")];
}

type ContainerList = (typeof containerLists)[number]["list"];

function validateUsers({ spec, status = {} }: Pod, list: ContainerList): FieldError[] {
  const system = spec.os?.name ?? "linux";
  return (status[list] ?? []).flatMap(({ user }, i) => {
    const at = `status.${list}[${i}].user.linux`;
    if (user?.linux === undefined) return [];
    if (system === "windows") return [field.forbidden(at, "cannot be set for a windows pod")];
    return system === "linux" ? validateUser(user.linux, at) : [];
  });
}

const idMax = 2 ** 31 - 1;

function validateUser(
  {
    uid = 0,
    gid = 0,
    supplementalGroups = [],
  }: { uid?: number; gid?: number; supplementalGroups?: number[] },
  path: string,
): FieldError[] {
  const check = (at: string, id: number): FieldError[] =>
    id >= 0 && id <= idMax
      ? []
      : [field.invalid(`${path}.${at}`, id, `must be between 0 and ${idMax}, inclusive`)];
  return [
    ...check("uid", uid),
    ...check("gid", gid),
    ...supplementalGroups.flatMap((id, i) => check(`supplementalGroups[${i}]`, id)),
  ];
}
