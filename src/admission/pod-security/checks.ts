import {
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbesAndHostLifecycle,
  windowsHostProcess,
} from "./host.ts";
import type { Standard } from "./levels.ts";
import type { PodTemplate, Violation } from "./pod.ts";
import {
  allowPrivilegeEscalation,
  capabilitiesBaseline,
  capabilitiesRestricted,
  exceptInUserNamespace,
  exceptWindows,
  privileged,
  procMount,
  runAsNonRoot,
  runAsUser,
} from "./privileges.ts";
import {
  appArmorProfile,
  seccompAnnotations,
  seccompBaseline,
  seccompRestricted,
  seLinuxOptions,
} from "./profiles.ts";
import { restrictedVolumes, sysctls } from "./spec.ts";

type Check = (pod: PodTemplate) => Violation | undefined;

/** A check, as the minor versions of Kubernetes from which on it is what it is. */
interface Rule {
  readonly level: "baseline" | "restricted";
  readonly since: Readonly<Record<number, Check>>;
  /** The baseline rule that this one says more strictly. */
  readonly instead?: string;
}

const seLinuxTypes = ["container_t", "container_init_t", "container_kvm_t"];
const sysctls10 = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
];
const sysctls27 = [...sysctls10, "net.ipv4.ip_local_reserved_ports"];
const sysctls29 = [
  ...sysctls27,
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];
const sysctls32 = [...sysctls29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];

/** The Pod Security Standards of Kubernetes 1.35, in the order in which violations are told: pod-security-admission/policy. */
const rules: Readonly<Record<string, Rule>> = {
  appArmorProfile: { level: "baseline", since: { 0: appArmorProfile } },
  capabilities_baseline: { level: "baseline", since: { 0: capabilitiesBaseline } },
  hostNamespaces: { level: "baseline", since: { 0: hostNamespaces } },
  hostPathVolumes: { level: "baseline", since: { 0: hostPathVolumes } },
  hostPorts: { level: "baseline", since: { 0: hostPorts } },
  hostProbesAndHostLifecycle: { level: "baseline", since: { 34: hostProbesAndHostLifecycle } },
  privileged: { level: "baseline", since: { 0: privileged } },
  procMount: { level: "baseline", since: { 0: procMount, 35: exceptInUserNamespace(procMount) } },
  seLinuxOptions: {
    level: "baseline",
    since: { 0: seLinuxOptions(seLinuxTypes), 31: seLinuxOptions([...seLinuxTypes, "container_engine_t"]) },
  },
  seccompProfile_baseline: { level: "baseline", since: { 0: seccompAnnotations, 19: seccompBaseline } },
  sysctls: {
    level: "baseline",
    since: { 0: sysctls(sysctls10), 27: sysctls(sysctls27), 29: sysctls(sysctls29), 32: sysctls(sysctls32) },
  },
  windowsHostProcess: { level: "baseline", since: { 0: windowsHostProcess } },
  allowPrivilegeEscalation: {
    level: "restricted",
    since: { 8: allowPrivilegeEscalation, 25: exceptWindows(allowPrivilegeEscalation) },
  },
  capabilities_restricted: {
    level: "restricted",
    since: { 22: capabilitiesRestricted, 25: exceptWindows(capabilitiesRestricted) },
    instead: "capabilities_baseline",
  },
  procMount_restricted: { level: "restricted", since: { 35: procMount }, instead: "procMount" },
  restrictedVolumes: { level: "restricted", since: { 0: restrictedVolumes }, instead: "hostPathVolumes" },
  runAsNonRoot: {
    level: "restricted",
    since: { 0: runAsNonRoot, 35: exceptInUserNamespace(runAsNonRoot) },
  },
  runAsUser: { level: "restricted", since: { 23: runAsUser, 35: exceptInUserNamespace(runAsUser) } },
  seccompProfile_restricted: {
    level: "restricted",
    since: { 19: seccompRestricted, 25: exceptWindows(seccompRestricted) },
    instead: "seccompProfile_baseline",
  },
};

/** What a pod does that a standard does not allow. */
export function violations(pod: PodTemplate, standard: Standard): readonly Violation[] {
  return checksOf(standard).flatMap((check) => check(pod) ?? []);
}

function checksOf({ level, minor }: Standard): readonly Check[] {
  if (level === "privileged") return [];
  const applying = new Map<string, { rule: Rule; check: Check }>();
  for (const [name, rule] of Object.entries(rules)) {
    if (rule.level === "restricted" && level === "baseline") continue;
    const from = Object.keys(rule.since)
      .map(Number)
      .findLast((since) => since <= minor);
    const check = from === undefined ? undefined : rule.since[from];
    if (check !== undefined) applying.set(name, { rule, check });
  }
  for (const { rule } of [...applying.values()])
    if (rule.instead !== undefined) applying.delete(rule.instead);
  return [...applying.values()].map(({ check }) => check);
}
