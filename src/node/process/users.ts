/**
 * Whom a container's program runs as: what its security context says, completed from the machine's own passwd and group files as a
 * container runtime does from those of the image.
 */
import { fromUtf8 } from "../../base/index.ts";
import type { Machine } from "../../platform/index.ts";
import { ConfigError } from "./environment.ts";
import type { Container, Pod } from "./pod.ts";

/** Undefined ids: those of the agent. */
export interface ProgramUser {
  readonly uid?: number;
  readonly gid?: number;
  /** Supplementary ones. */
  readonly groups?: readonly number[];
  /** HOME and USER, where it is not the agent's user. */
  readonly env: Readonly<Record<string, string>>;
}

/** @throws ConfigError where the pod is not to run as that user, or the agent may not become it */
export async function userOf(pod: Pod, container: Container, machine: Machine): Promise<ProgramUser> {
  const ofPod = pod.spec.securityContext ?? {};
  const own = machine.processes.user();
  const { runAsUser = ofPod.runAsUser, runAsGroup = ofPod.runAsGroup } = container.securityContext ?? {};
  const nonRoot = container.securityContext?.runAsNonRoot ?? ofPod.runAsNonRoot;
  if (nonRoot === true) refuseRoot(runAsUser, own, pod, container);
  const uid = runAsUser ?? own;
  const changes = uid !== own || runAsGroup !== undefined;
  if (changes && own !== 0)
    throw new ConfigError(
      `runAsUser ${uid}${runAsGroup === undefined ? "" : ` and runAsGroup ${runAsGroup}`} need an agent that runs as root: this one is user ${own}`,
    );
  const added = [
    ...(ofPod.supplementalGroups ?? []),
    ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup]),
  ];
  if (uid === undefined || own !== 0 || (!changes && added.length === 0)) return { env: {} };
  const known = (await linesOf(machine, "/etc/passwd")).find(([, , id]) => id === String(uid));
  const [name, , , group, , home] = known ?? [];
  const gid = runAsGroup ?? Number(group ?? 0);
  const memberships =
    name === undefined || ofPod.supplementalGroupsPolicy === "Strict"
      ? []
      : (await linesOf(machine, "/etc/group"))
          .filter(([, , , members = ""]) => members.split(",").includes(name))
          .map(([, , id]) => Number(id));
  const groups = [...new Set([...memberships, ...added])];
  return { uid, gid, groups, env: { HOME: home ?? "/", ...(name === undefined ? {} : { USER: name }) } };
}

/** Closes a directory to all but the user of the pod's programs, and those of its fsGroup; not where they are of several users. */
export async function closeToOthers(directory: string, pod: Pod, machine: Machine): Promise<void> {
  const own = machine.processes.user();
  const { containers, initContainers = [], securityContext } = pod.spec;
  const users = new Set(
    [...containers, ...initContainers].map(
      (container) => container.securityContext?.runAsUser ?? securityContext?.runAsUser ?? own,
    ),
  );
  if (users.size > 1) return;
  const [uid] = users;
  if (uid !== undefined && own === 0) await machine.files.own(directory, { uid });
  await machine.files.setMode(directory, 0o700);
}

/** Whom all programs of the pod run as, where it says so of each and they are one; tokens are that user's alone. */
export function soleUser({ spec }: Pod): number | undefined {
  const { containers, initContainers = [], securityContext } = spec;
  const users = new Set(
    [...containers, ...initContainers].map(
      (container) => container.securityContext?.runAsUser ?? securityContext?.runAsUser,
    ),
  );
  return users.size === 1 ? [...users][0] : undefined;
}

/** In the kubelet's words. */
function refuseRoot(
  runAsUser: number | undefined,
  own: number | undefined,
  pod: Pod,
  container: Container,
): void {
  const where = whereOf(pod, container);
  if (runAsUser === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
  if (runAsUser === undefined && own === 0)
    throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
}

/** How the kubelet names a container in its complaints. */
export function whereOf({ metadata: { name, namespace, uid } }: Pod, container: Container): string {
  return `(pod: "${name}_${namespace}(${uid})", container: ${container.name})`;
}

async function linesOf(machine: Machine, path: string): Promise<string[][]> {
  const bytes = await machine.files.read(path).catch(() => new Uint8Array());
  return fromUtf8(bytes)
    .split("\n")
    .map((line) => line.split(":"));
}
