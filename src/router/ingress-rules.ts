import { hostOf, isSticky, pathOf, portOf, withoutSlash } from "./rule-parts.ts";
import type { Certificate, Ingress, Problem, RouteEntry, Rules, TableSources, Target } from "./types.ts";

/** What an Ingress asks for. Each path is by itself: one with a Service that is not there takes no other with it. */
export function ingressRules(ingress: Ingress, sources: TableSources): Rules {
  const { namespace = "", name = "" } = ingress.metadata;
  const owner = `Ingress ${namespace}/${name}`;
  const problems: Problem[] = [];
  const entries: RouteEntry[] = [];
  const certificates: [string, Certificate][] = [];
  const secureHosts = new Set<string>();
  for (const { hosts = [], secretName } of ingress.spec?.tls ?? []) {
    if (secretName === undefined || secretName === "") continue;
    const certificate = sources.certificate(namespace, secretName);
    if ("reason" in certificate) {
      problems.push(certificate);
      continue;
    }
    for (const host of hosts.length > 0 ? hosts : [""]) {
      secureHosts.add(host.toLowerCase());
      certificates.push([host.toLowerCase(), certificate]);
    }
  }

  const targetOf = (
    backend: NonNullable<Ingress["spec"]>["defaultBackend"],
    what: string,
  ): Target | undefined => {
    const { service } = backend ?? {};
    if (service === undefined) {
      problems.push({ reason: "UnsupportedBackend", message: `${what}: only Services can be routed to` });
      return undefined;
    }
    const found = sources.service(namespace, service.name);
    if (found === undefined) {
      problems.push({
        reason: "ServiceNotFound",
        message: `${what}: Service ${namespace}/${service.name} does not exist`,
      });
      return undefined;
    }
    const wanted = service.port?.name ?? service.port?.number;
    const port = portOf(found, wanted);
    if (port === undefined) {
      problems.push({
        reason: "PortNotFound",
        message: `${what}: Service ${namespace}/${service.name} has no TCP port ${wanted}`,
      });
      return undefined;
    }
    return { serviceKey: `${namespace}/${service.name}`, portName: port.name ?? "", weight: 1 };
  };

  const add = (
    position: string,
    rule: { host: string; path: string; exact: boolean },
    target: Target,
  ): void => {
    const secure = secureHosts.has(rule.host) || secureHosts.has("");
    entries.push({
      id: `ing:${namespace}:${name}:${position}`,
      owner,
      ...rule,
      termination: secure ? "edge" : "none",
      // Nothing in an Ingress says that plain requests are unwelcome; most controllers redirect where there is a certificate.
      insecure: secure ? "redirect" : "allow",
      targets: [target],
      sticky: isSticky(ingress),
      destinationCa: undefined,
    });
  };

  for (const [ruleIndex, { host = "", http }] of (ingress.spec?.rules ?? []).entries()) {
    const usable = host === "" ? "" : hostOf(host);
    if (usable === undefined) {
      problems.push({ reason: "InvalidHost", message: `rules[${ruleIndex}].host: ${host} is no host name` });
      continue;
    }
    for (const [pathIndex, { path: text, pathType, backend }] of (http?.paths ?? []).entries()) {
      const what = `rules[${ruleIndex}].http.paths[${pathIndex}]`;
      const path = pathOf(text);
      if (path === undefined) {
        problems.push({ reason: "InvalidPath", message: `${what}.path: ${text} cannot be matched` });
        continue;
      }
      const target = targetOf(backend, `${what}.backend`);
      const exact = pathType === "Exact";
      if (target !== undefined)
        add(
          `${ruleIndex}:${pathIndex}`,
          { host: usable, path: exact ? path : withoutSlash(path), exact },
          target,
        );
    }
  }
  if (ingress.spec?.defaultBackend !== undefined) {
    const target = targetOf(ingress.spec.defaultBackend, "defaultBackend");
    if (target !== undefined) add("default", { host: "", path: "/", exact: false }, target);
  }
  return { owner, entries, certificates, problems };
}
