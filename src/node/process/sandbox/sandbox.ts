/**
 * A container of an image: the program runs in mount, PID, UTS and IPC namespaces of its own, its root is the image's layers with one of
 * its own on top, and each volume is where its mountPath says. What stands here are the commands for that; enter-script.ts is what the
 * first of them does.
 */
import { oddVariables } from "../launch.ts";
import type { ContainerPlaces } from "../places.ts";
import type { Container, Pod } from "../pod.ts";
import { enterScript } from "./enter-script.ts";
import type { SandboxTools } from "./tools.ts";

/** Who a program runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface Mount {
  /** Path of this machine. */
  readonly source: string;
  /** Below it; "" for all of it. */
  readonly subPath: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
}

export interface SandboxRequest {
  readonly tools: SandboxTools;
  readonly pod: Pod;
  readonly container: Container;
  readonly places: ContainerPlaces;
  /** Starts before this one. */
  readonly start: number;
  /** Where the node keeps everything; the following ones lie below it. */
  readonly directory: string;
  /** The lowest first. */
  readonly layers: readonly string[];
  readonly mounts: readonly Mount[];
  readonly hostName: string;
  readonly workingDirectory: string;
  readonly identity: Identity;
  /** The file of the pod's network namespace; undefined for the machine's own network. */
  readonly network: string | undefined;
  /** The first process of the container whose processes it sees; undefined where it has its own. */
  readonly processesOf: number | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

/** What container runtimes leave root of capabilities(7). */
const capabilitiesDefault = [
  ...["audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service"],
  ...["net_raw", "setfcap", "setgid", "setpcap", "setuid", "sys_chroot"],
];
/** What the last steps into the sandbox need themselves. */
const capabilitiesNeeded = ["setuid", "sys_chroot"];

/** The whole command that starts the container. */
export function startCommand(request: SandboxRequest): string[] {
  const { tools, pod, container, places, start, directory, layers, identity, processesOf, command } = request;
  const below = (path: string): string => path.slice(directory.length + 1);
  return [
    ...(request.network === undefined ? [] : joinNetwork(tools, request.network)),
    ...(processesOf === undefined ? [] : [tools.nsenter, `--target=${processesOf}`, "--pid", "--"]),
    ...[tools.unshare, "--mount", "--propagation", "private", "--uts", "--fork"],
    ...(pod.spec.hostPID === true || processesOf !== undefined ? [] : ["--pid"]),
    ...(pod.spec.hostIPC === true ? [] : ["--ipc"]),
    ...["--", "/bin/sh", "-c", enterScript, "sh", places.started(start), directory],
    ...[layers.toReversed().join(":"), below(places.layer(start)), below(places.mountPoint)],
    ...[request.hostName, request.workingDirectory],
    container.securityContext?.readOnlyRootFilesystem === true ? "ro" : "rw",
    ...(pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => `${name}=${value}`),
    "--",
    ...request.mounts.flatMap(({ source, subPath, mountPath, readOnly }) => [
      ...[source, subPath, mountPath, readOnly ? "ro" : "rw"],
    ]),
    ...["--", command[0] ?? ""],
    ...oddVariables(request.env),
    ...identityCommand(tools, identity),
    ...privileges(container),
    ...[tools.unshare, "--root=.", `--wd=${request.workingDirectory}`, `--setuid=${identity.uid}`, "--"],
    ...command,
  ];
}

/** Runs a command in the container whose first process has this id. */
export function enterCommand(
  { tools, identity, workingDirectory }: Pick<SandboxRequest, "tools" | "identity" | "workingDirectory">,
  pid: number,
  command: readonly string[],
): string[] {
  return [
    ...identityCommand(tools, identity),
    ...[tools.nsenter, `--target=${pid}`, "--mount", "--uts", "--ipc", "--net", "--pid", "--root"],
    ...[`--wdns=${workingDirectory}`, `--setuid=${identity.uid}`, "--"],
    ...command,
  ];
}

/** Runs what follows in a pod's network, as that user where one is given. */
export function joinNetwork(tools: SandboxTools, network: string, user: Partial<Identity> = {}): string[] {
  const { uid, gid, groups = [] } = user;
  return [
    ...(gid === undefined ? [] : identityCommand(tools, { gid, groups })),
    ...[tools.nsenter, `--net=${network}`, ...(uid === undefined ? [] : [`--setuid=${uid}`]), "--"],
  ];
}

/** Its groups; the user comes last, for it may do nothing of the rest. */
function identityCommand(
  { setpriv }: SandboxTools,
  { gid, groups }: Pick<Identity, "gid" | "groups">,
): string[] {
  const all = groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`;
  return [setpriv, `--regid=${gid}`, all];
}

function privileges({ securityContext = {} }: Container): string[] {
  const options = securityContext.allowPrivilegeEscalation === false ? ["--no-new-privs"] : [];
  if (securityContext.privileged === true) return options;
  const { add = [], drop = [] } = securityContext.capabilities ?? {};
  const names = (list: readonly string[]): string[] =>
    list.map((name) => name.toLowerCase().replace(/^cap_/, ""));
  const kept = new Set(names(drop).includes("all") ? [] : capabilitiesDefault);
  for (const name of names(drop)) kept.delete(name);
  for (const name of [...names(add), ...capabilitiesNeeded]) kept.add(name);
  const all = kept.delete("all") ? "+all" : "-all";
  return [...options, `--bounding-set=${[all, ...[...kept].map((name) => `+${name}`)].join(",")}`];
}
