import { hostOf, isSticky, pathOf, portOf, withoutSlash } from "./rule-parts.ts";
import type { Certificate, Problem, Route, Rules, TableSources, Target, Termination } from "./types.ts";

/** What an OpenShift Route asks for: one host and path, some Services by weight. */
export function routeRules(route: Route, sources: TableSources): Rules {
  const { namespace = "", name = "" } = route.metadata;
  const owner = `Route ${namespace}/${name}`;
  const { spec = {} } = route;
  const problems: Problem[] = [];
  const refuse = (reason: string, message: string): Rules => ({
    owner,
    entries: [],
    certificates: [],
    problems: [...problems, { reason, message }],
  });

  const plain = hostOf(spec.host ?? "");
  if (plain === undefined || plain.startsWith("*."))
    return refuse("InvalidHost", `spec.host: "${spec.host ?? ""}" is no host name`);
  const wildcard = spec.wildcardPolicy === "Subdomain";
  const host = wildcard ? `*.${plain.split(".").slice(1).join(".")}` : plain;
  const path = pathOf(spec.path);
  if (path === undefined) return refuse("InvalidPath", `spec.path: ${spec.path} cannot be matched`);
  const { tls } = spec;
  const termination: Termination = tls === undefined ? "none" : (tls.termination ?? "edge");
  if (termination === "passthrough" && path !== "/")
    return refuse("InvalidPath", "spec.path: a passthrough route has no path, for nobody reads its requests");

  const targets: Target[] = [];
  const wanted = [spec.to, ...(spec.alternateBackends ?? [])];
  for (const target of wanted) {
    if (target?.name === undefined || target.name === "") continue;
    if (target.kind !== undefined && target.kind !== "Service")
      return refuse("UnsupportedBackend", `spec.to: only Services can be routed to, not ${target.kind}`);
    const service = sources.service(namespace, target.name);
    if (service === undefined) {
      problems.push({
        reason: "ServiceNotFound",
        message: `Service ${namespace}/${target.name} does not exist`,
      });
      continue;
    }
    const port = portOf(service, spec.port?.targetPort);
    if (port === undefined) {
      problems.push({
        reason: "PortNotFound",
        message: `Service ${namespace}/${target.name} has no TCP port ${spec.port?.targetPort}`,
      });
      continue;
    }
    const weight = wanted.length === 1 ? Math.max(1, target.weight ?? 1) : (target.weight ?? 100);
    targets.push({ serviceKey: `${namespace}/${target.name}`, portName: port.name ?? "", weight });
  }
  if (targets.length === 0) return { owner, entries: [], certificates: [], problems };

  const certificates: [string, Certificate][] = [];
  if (tls?.certificate && tls.key && termination !== "passthrough") {
    const chain = tls.caCertificate ? `${tls.certificate.trimEnd()}\n${tls.caCertificate}` : tls.certificate;
    const certificate = { cert: chain, key: tls.key };
    if (!sources.isUsable(certificate))
      return refuse("InvalidCertificate", "spec.tls: certificate and key cannot be used together");
    certificates.push([host, certificate]);
  }
  const policy = tls?.insecureEdgeTerminationPolicy;
  return {
    owner,
    certificates,
    problems,
    entries: [
      {
        id: `route:${namespace}:${name}`,
        owner,
        host,
        path: withoutSlash(path),
        exact: false,
        termination,
        insecure:
          termination === "none" || policy === "Allow"
            ? "allow"
            : policy === "Redirect"
              ? "redirect"
              : "none",
        targets,
        sticky: isSticky(route),
        destinationCa: tls?.destinationCACertificate,
      },
    ],
  };
}
