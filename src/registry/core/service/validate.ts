import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  ipErrors,
  parseIp,
  portNumberErrors,
  qualifiedNameErrors,
  validateLabels,
} from "../../../apimachinery/index.ts";
import { validateCidr, validateNonSpecialIp } from "../../rules/ip.ts";
import { complaints, oneOf, protocols } from "../../rules/values.ts";
import { validatePortReference } from "../pod/probes.ts";
import {
  isExternal,
  isHeadless,
  needsClusterIp,
  needsHealthCheckPort,
  type Service,
  type ServicePort,
} from "./types.ts";

/** Upstream's ValidateService, in its order. */

const types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const trafficPolicies = ["Cluster", "Local"];
const kubeletPort = 10_250;
const affinitySecondsMax = 86_400;
const ofExternalName = "may not be set for ExternalName services";

/** `old`: what was there before, whose addresses may stay whatever they are. */
export function validateService(service: Service, old?: Service): FieldError[] {
  const { spec } = service;
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(service) && spec.type !== "ExternalName") {
    errors.push(field.required("spec.ports", ""));
  }
  errors.push(...validateType(service));
  errors.push(...validatePorts(ports));
  errors.push(...validateLabels(spec.selector, "spec.selector"));
  errors.push(...validateAffinity(service));
  errors.push(...validateClusterIps(service, old));
  spec.externalIPs?.forEach((ip, i) => {
    const path = `spec.externalIPs[${i}]`;
    const malformed = old?.spec.externalIPs?.includes(ip) ? [] : complaints(path, ip, ipErrors(ip));
    errors.push(...(malformed.length > 0 ? malformed : validateNonSpecialIp(path, ip)));
  });
  errors.push(...oneOf("spec.type", spec.type, types));
  errors.push(...validatePortUse(service));
  errors.push(...validateLoadBalancer(service, old));
  errors.push(...validateExternalTraffic(service));
  errors.push(...validateInternalTraffic(service));
  return errors;
}

function validateType(service: Service): FieldError[] {
  const { spec } = service;
  switch (spec.type) {
    case "LoadBalancer":
    case "NodePort": {
      const errors: FieldError[] = [];
      spec.ports?.forEach(({ port }, i) => {
        if (spec.type !== "LoadBalancer" || port !== kubeletPort) return;
        const detail = `may not expose port ${port} externally since it is used by kubelet`;
        errors.push(field.invalid(`spec.ports[${i}]`, port, detail));
      });
      if (isHeadless(service)) {
        errors.push(
          field.invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`),
        );
      }
      return errors;
    }
    case "ExternalName": {
      const errors: FieldError[] = [];
      if (spec.clusterIPs?.length) errors.push(field.forbidden("spec.clusterIPs", ofExternalName));
      if (spec.ipFamilies?.length) errors.push(field.forbidden("spec.ipFamilies", ofExternalName));
      if (spec.ipFamilyPolicy !== undefined)
        errors.push(field.forbidden("spec.ipFamilyPolicy", ofExternalName));
      const name = (spec.externalName ?? "").replace(/\.$/, "");
      if (name === "") errors.push(field.required("spec.externalName", ""));
      else errors.push(...complaints("spec.externalName", name, dns1123SubdomainErrors(name)));
      return errors;
    }
    default:
      return [];
  }
}

function validatePorts(ports: readonly ServicePort[]): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, i) => {
    const path = `spec.ports[${i}]`;
    const { name = "" } = port;
    const errors: FieldError[] = [];
    if (name !== "") {
      errors.push(...complaints(`${path}.name`, name, dns1123LabelErrors(name)));
      if (names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
      names.add(name);
    } else if (ports.length > 1) errors.push(field.required(`${path}.name`, ""));
    errors.push(...complaints(`${path}.port`, port.port, portNumberErrors(port.port)));
    errors.push(...oneOf(`${path}.protocol`, port.protocol, protocols));
    errors.push(...validatePortReference(port.targetPort ?? 0, `${path}.targetPort`));
    if (port.appProtocol !== undefined) {
      errors.push(
        ...complaints(`${path}.appProtocol`, port.appProtocol, qualifiedNameErrors(port.appProtocol)),
      );
    }
    return errors;
  });
}

function validateAffinity({ spec }: Service): FieldError[] {
  const path = "spec.sessionAffinity";
  const errors = oneOf(path, spec.sessionAffinity, ["ClientIP", "None"]);
  const config = spec.sessionAffinityConfig;
  const configPath = "spec.sessionAffinityConfig";
  if (spec.sessionAffinity === "None" && config !== undefined) {
    errors.push(field.forbidden(configPath, "must not be set when session affinity is None"));
  }
  if (spec.sessionAffinity !== "ClientIP") return errors;
  if (config === undefined)
    return [...errors, field.required(configPath, "when session affinity type is ClientIP")];
  if (config.clientIP === undefined) {
    return [...errors, field.required(`${configPath}.clientIP`, "when session affinity type is ClientIP")];
  }
  const seconds = config.clientIP.timeoutSeconds;
  const secondsPath = `${configPath}.clientIP.timeoutSeconds`;
  if (seconds === undefined) {
    errors.push(field.required(secondsPath, "when session affinity type is ClientIP"));
  } else if (seconds <= 0 || seconds > affinitySecondsMax) {
    errors.push(
      field.invalid(secondsPath, seconds, `must be greater than 0 and less than ${affinitySecondsMax}`),
    );
  }
  return errors;
}

/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy: also looked at before addresses are handed out. */
export function validateClusterIps(service: Service, old?: Service): FieldError[] {
  const { spec } = service;
  if (spec.type === "ExternalName") return [];
  const clusterIps = spec.clusterIPs ?? [];
  const path = "spec.clusterIPs";
  const errors: FieldError[] = [];
  if (!spec.clusterIP && clusterIps.length > 0) {
    errors.push(field.invalid(path, clusterIps, "must be empty when `clusterIP` is not specified"));
  } else if (spec.clusterIP && clusterIps.length === 0) {
    errors.push(field.required(path, ""));
  } else if (spec.clusterIP && clusterIps[0] !== spec.clusterIP) {
    errors.push(field.invalid(path, clusterIps, "first value must match `clusterIP`"));
  }
  errors.push(...validateFamilies(service));
  const malformed = validateAddresses(clusterIps, path, old?.spec.clusterIPs ?? []);
  errors.push(...malformed);
  if (clusterIps.length > 2) errors.push(field.invalid(path, clusterIps, "may only hold up to 2 values"));
  if (malformed.length > 0) return errors;
  if (clusterIps.length === 2 && familyOf(clusterIps[0]) === familyOf(clusterIps[1])) {
    errors.push(field.invalid(path, clusterIps, "may specify no more than one IP for each IP family"));
  }
  if (isHeadless(service)) return errors;
  clusterIps.forEach((ip, i) => {
    const family = spec.ipFamilies?.[i];
    if ((family !== "IPv4" && family !== "IPv6") || family === familyOf(ip)) return;
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(field.invalid(`${path}[${i}]`, ip, detail));
  });
  return errors;
}

const familyOf = (ip: string | undefined): string => (ip?.includes(":") ? "IPv6" : "IPv4");

function validateFamilies({ spec }: Service): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  spec.ipFamilies?.forEach((family, i) => {
    const path = `spec.ipFamilies[${i}]`;
    if (family !== "IPv4" && family !== "IPv6")
      errors.push(field.notSupported(path, family, ["IPv4", "IPv6"]));
    if (seen.has(family)) errors.push(field.duplicate(path, family));
    seen.add(family);
  });
  const policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
  if (spec.ipFamilyPolicy !== undefined && !policies.includes(spec.ipFamilyPolicy)) {
    errors.push(field.notSupported("spec.ipFamilyPolicy", spec.ipFamilyPolicy, policies));
  }
  return errors;
}

function validateAddresses(
  clusterIps: readonly string[],
  path: string,
  before: readonly string[],
): FieldError[] {
  return clusterIps.flatMap((ip, i) => {
    if (ip !== "None" || i > 0)
      return before.includes(ip) ? [] : complaints(`${path}[${i}]`, ip, ipErrors(ip));
    if (clusterIps.length === 1) return [];
    return [field.invalid(path, clusterIps, "'None' must be the first and only value")];
  });
}

/** Node ports where there are none, and ports that are there twice. */
function validatePortUse({ spec }: Service): FieldError[] {
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  if (spec.type === "ClusterIP") {
    ports.forEach(({ nodePort }, i) => {
      if (!nodePort) return;
      errors.push(field.forbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
    });
  }
  const nodePorts = new Set<string>();
  ports.forEach(({ protocol, nodePort }, i) => {
    if (!nodePort) return;
    const identity = `${protocol}/${nodePort}`;
    if (nodePorts.has(identity)) errors.push(field.duplicate(`spec.ports[${i}].nodePort`, nodePort));
    nodePorts.add(identity);
  });
  const seen = new Set<string>();
  ports.forEach(({ protocol, port }, i) => {
    const identity = `${protocol}/${port}`;
    if (seen.has(identity)) {
      // Upstream prints its internal form.
      const shown = {
        Name: "",
        Protocol: protocol,
        AppProtocol: null,
        Port: port,
        TargetPort: 0,
        NodePort: 0,
      };
      errors.push(field.duplicate(`spec.ports[${i}]`, shown));
    }
    seen.add(identity);
  });
  return errors;
}

const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";
const sourceRangesAnnotation = "service.beta.kubernetes.io/load-balancer-source-ranges";

function validateLoadBalancer(service: Service, old: Service | undefined): FieldError[] {
  const { metadata, spec } = service;
  const errors: FieldError[] = [];
  const isLoadBalancer = spec.type === "LoadBalancer";
  const annotated = metadata.annotations?.[sourceRangesAnnotation];
  if (spec.loadBalancerSourceRanges?.length) {
    const path = "spec.LoadBalancerSourceRanges";
    if (!isLoadBalancer) errors.push(field.forbidden(path, onlyLoadBalancer));
    const before = new Set(old?.spec.loadBalancerSourceRanges?.map((range) => range.trim()));
    spec.loadBalancerSourceRanges.forEach((range, i) => {
      if (before.has(range.trim())) return;
      errors.push(...validateCidr(`${path}[${i}]`, range.trim()));
    });
  } else if (annotated !== undefined) {
    const path = `metadata.annotations[${sourceRangesAnnotation}]`;
    if (!isLoadBalancer) errors.push(field.forbidden(path, onlyLoadBalancer));
    const ranges = annotated.trim() === "" ? [] : annotated.trim().split(",");
    const isNew = annotated !== old?.metadata.annotations?.[sourceRangesAnnotation];
    if (isNew && ranges.some((range) => validateCidr(path, range.trim()).length > 0)) {
      const detail = "must be a comma separated list of CIDRs e.g. 192.168.0.0/16,10.0.0.0/8";
      errors.push(field.invalid(path, annotated, detail));
    }
  }
  const allocatePath = "spec.allocateLoadBalancerNodePorts";
  if (!isLoadBalancer && spec.allocateLoadBalancerNodePorts !== undefined) {
    errors.push(field.forbidden(allocatePath, onlyLoadBalancer));
  }
  if (isLoadBalancer && spec.allocateLoadBalancerNodePorts === undefined)
    errors.push(field.required(allocatePath, ""));
  return [...errors, ...validateClass(service)];
}

export function validateClass({ spec }: Service): FieldError[] {
  const { loadBalancerClass, type } = spec;
  if (loadBalancerClass === undefined) return [];
  const path = "spec.loadBalancerClass";
  if (type !== "LoadBalancer") return [field.forbidden(path, onlyLoadBalancer)];
  return complaints(path, loadBalancerClass, qualifiedNameErrors(loadBalancerClass));
}

function validateExternalTraffic(service: Service): FieldError[] {
  const { externalTrafficPolicy = "", healthCheckNodePort = 0 } = service.spec;
  const errors: FieldError[] = [];
  const path = "spec.externalTrafficPolicy";
  if (isExternal(service)) errors.push(...oneOf(path, externalTrafficPolicy, trafficPolicies));
  else if (externalTrafficPolicy !== "") {
    errors.push(
      field.invalid(path, externalTrafficPolicy, "may only be set for externally-accessible services"),
    );
  }
  const healthPath = "spec.healthCheckNodePort";
  if (needsHealthCheckPort(service)) {
    if (healthCheckNodePort === 0) errors.push(field.required(healthPath, ""));
    else errors.push(...complaints(healthPath, healthCheckNodePort, portNumberErrors(healthCheckNodePort)));
  } else if (healthCheckNodePort !== 0) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(field.invalid(healthPath, healthCheckNodePort, detail));
  }
  return errors;
}

function validateInternalTraffic(service: Service): FieldError[] {
  const { internalTrafficPolicy, trafficDistribution } = service.spec;
  const errors: FieldError[] = [];
  const path = "spec.internalTrafficPolicy";
  if (internalTrafficPolicy === undefined) {
    if (needsClusterIp(service)) errors.push(field.required(path, ""));
  } else if (!trafficPolicies.includes(internalTrafficPolicy)) {
    errors.push(field.notSupported(path, internalTrafficPolicy, trafficPolicies));
  }
  const distributions = ["PreferClose", "PreferSameZone", "PreferSameNode"];
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution)) {
    errors.push(field.notSupported("spec.trafficDistribution", trafficDistribution, distributions));
  }
  return errors;
}

const ipModes = ["Proxy", "VIP"];

export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const ingress = status?.loadBalancer?.ingress ?? [];
  const path = "status.loadBalancer.ingress";
  if (ingress.length > 0 && spec.type !== "LoadBalancer") {
    return [field.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  return ingress.flatMap(({ ip = "", hostname = "", ipMode }, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (ip !== "") errors.push(...complaints(`${at}.ip`, ip, ipErrors(ip)));
    if (ipMode !== undefined && !ipModes.includes(ipMode)) {
      errors.push(field.notSupported(`${at}.ipMode`, ipMode, ipModes));
    }
    if (hostname !== "") {
      errors.push(...complaints(`${at}.hostname`, hostname, dns1123SubdomainErrors(hostname)));
      if (parseIp(hostname) !== undefined) {
        errors.push(field.invalid(`${at}.hostname`, hostname, "must be a DNS name, not an IP address"));
      }
    }
    return errors;
  });
}
