import {
  containersOf,
  containersWith,
  named,
  type PodTemplate,
  quotedList,
  settersOf,
  sorted,
  type Violation,
} from "./pod.ts";

/** What programs in containers may do beyond what is theirs. */

/** Capabilities that container runtimes give by default, without NET_RAW. */
const defaultCapabilities: ReadonlySet<string> = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);
const bindCapability: ReadonlySet<string> = new Set(["NET_BIND_SERVICE"]);

/** Pods in a user namespace of their own: root there is nobody on the node. */
function inUserNamespace({ spec }: PodTemplate): boolean {
  return spec.hostUsers === false;
}

/** For checks of things that there are not on Windows, whose pods may not say anything about them. */
export function exceptWindows(check: (pod: PodTemplate) => Violation | undefined): typeof check {
  return (pod) => (pod.spec.os?.name === "windows" ? undefined : check(pod));
}

/** For checks that a user namespace makes needless. */
export function exceptInUserNamespace(check: (pod: PodTemplate) => Violation | undefined): typeof check {
  return (pod) => (inUserNamespace(pod) ? undefined : check(pod));
}

export function privileged(pod: PodTemplate): Violation | undefined {
  const bad = containersWith(pod, ({ securityContext }) => securityContext?.privileged === true);
  if (bad.length === 0) return undefined;
  return {
    reason: "privileged",
    detail: `${named("container", bad)} must not set securityContext.privileged=true`,
  };
}

export function allowPrivilegeEscalation(pod: PodTemplate): Violation | undefined {
  const bad = containersWith(
    pod,
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  );
  if (bad.length === 0) return undefined;
  return {
    reason: "allowPrivilegeEscalation != false",
    detail: `${named("container", bad)} must set securityContext.allowPrivilegeEscalation=false`,
  };
}

export function capabilitiesBaseline(pod: PodTemplate): Violation | undefined {
  const detail = addingOther(pod, defaultCapabilities);
  return detail === undefined ? undefined : { reason: "non-default capabilities", detail };
}

export function capabilitiesRestricted(pod: PodTemplate): Violation | undefined {
  const details: string[] = [];
  const keeping = containersWith(pod, ({ securityContext }) => {
    const dropped: readonly string[] = securityContext?.capabilities?.drop ?? [];
    return !dropped.includes("ALL");
  });
  if (keeping.length > 0) {
    details.push(`${named("container", keeping)} must set securityContext.capabilities.drop=["ALL"]`);
  }
  const adding = addingOther(pod, bindCapability);
  if (adding !== undefined) details.push(adding);
  if (details.length === 0) return undefined;
  return { reason: "unrestricted capabilities", detail: details.join("; ") };
}

function addingOther(pod: PodTemplate, allowed: ReadonlySet<string>): string | undefined {
  const added: string[] = [];
  const bad = containersWith(pod, ({ securityContext }) => {
    const before = added.length;
    for (const capability of securityContext?.capabilities?.add ?? []) {
      if (!allowed.has(capability)) added.push(capability);
    }
    return added.length > before;
  });
  if (bad.length === 0) return undefined;
  return `${named("container", bad)} must not include ${quotedList(sorted(added))} in securityContext.capabilities.add`;
}

export function runAsNonRoot(pod: PodTemplate): Violation | undefined {
  const reason = "runAsNonRoot != true";
  const bad = settersOf<boolean>(
    pod,
    (context) => context.runAsNonRoot,
    (is) => !is,
  );
  if (bad !== undefined) {
    return { reason, detail: `${bad.who} must not set securityContext.runAsNonRoot=false` };
  }
  if (pod.spec.securityContext?.runAsNonRoot === true) return undefined;
  const silent = containersWith(pod, ({ securityContext }) => securityContext?.runAsNonRoot === undefined);
  if (silent.length === 0) return undefined;
  const who = named("container", silent);
  return { reason, detail: `pod or ${who} must set securityContext.runAsNonRoot=true` };
}

export function runAsUser(pod: PodTemplate): Violation | undefined {
  const bad = settersOf<number>(
    pod,
    (context) => context.runAsUser,
    (user) => user === 0,
  );
  if (bad === undefined) return undefined;
  return { reason: "runAsUser=0", detail: `${bad.who} must not set runAsUser=0` };
}

export function procMount(pod: PodTemplate): Violation | undefined {
  const isUnmasked = (mount: unknown): mount is string => typeof mount === "string" && mount !== "Default";
  const mounts = containersOf(pod).map(({ securityContext }) => securityContext?.procMount);
  const bad = containersWith(pod, ({ securityContext }) => isUnmasked(securityContext?.procMount));
  if (bad.length === 0) return undefined;
  const values = quotedList(sorted(mounts.filter(isUnmasked)));
  return {
    reason: "procMount",
    detail: `${named("container", bad)} must not set securityContext.procMount to ${values}`,
  };
}
