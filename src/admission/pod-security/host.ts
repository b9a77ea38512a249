import {
  containersWith,
  named,
  type PodTemplate,
  plural,
  quotedList,
  settersOf,
  sorted,
  type Violation,
} from "./pod.ts";

/** What pods share with the machine that they run on. */

export function hostNamespaces({ spec }: PodTemplate): Violation | undefined {
  const shared = ["hostNetwork", "hostPID", "hostIPC"].filter((name) => spec[name] === true);
  if (shared.length === 0) return undefined;
  return { reason: "host namespaces", detail: shared.map((name) => `${name}=true`).join(", ") };
}

export function hostPathVolumes({ spec }: PodTemplate): Violation | undefined {
  const names: string[] = [];
  for (const { name, hostPath } of spec.volumes ?? []) if (hostPath !== undefined) names.push(name);
  return names.length === 0 ? undefined : { reason: "hostPath volumes", detail: named("volume", names) };
}

export function hostPorts(pod: PodTemplate): Violation | undefined {
  const ports: string[] = [];
  const names = containersWith(pod, (container) => {
    const before = ports.length;
    for (const { hostPort = 0 } of container.ports ?? []) if (hostPort !== 0) ports.push(String(hostPort));
    return ports.length > before;
  });
  if (names.length === 0) return undefined;
  const used = sorted(ports);
  const verb = plural("uses", "use", names.length);
  const what = plural("hostPort", "hostPorts", used.length);
  return { reason: "hostPort", detail: `${named("container", names)} ${verb} ${what} ${used.join(", ")}` };
}

/** Probes and hooks go to the pod itself, not to a host that they name. */
export function hostProbesAndHostLifecycle(pod: PodTemplate): Violation | undefined {
  const hosts: string[] = [];
  const names = containersWith(pod, ({ livenessProbe, readinessProbe, startupProbe, lifecycle }) => {
    const before = hosts.length;
    for (const asks of [
      livenessProbe,
      readinessProbe,
      startupProbe,
      lifecycle?.postStart,
      lifecycle?.preStop,
    ]) {
      for (const host of [asks?.httpGet?.host, asks?.tcpSocket?.host]) if (host) hosts.push(host);
    }
    return hosts.length > before;
  });
  if (names.length === 0) return undefined;
  const containers = sorted(names);
  const used = sorted(hosts);
  const verb = plural("uses", "use", containers.length);
  const what = plural("probe or lifecycle host", "probe or lifecycle hosts", used.length);
  return {
    reason: "probe or lifecycle host",
    detail: `${named("container", containers)} ${verb} ${what} ${quotedList(used)}`,
  };
}

export function windowsHostProcess(pod: PodTemplate): Violation | undefined {
  const bad = settersOf<boolean>(
    pod,
    ({ windowsOptions }) => windowsOptions?.hostProcess,
    (is) => is,
  );
  if (bad === undefined) return undefined;
  return {
    reason: "hostProcess",
    detail: `${bad.who} must not set securityContext.windowsOptions.hostProcess=true`,
  };
}
