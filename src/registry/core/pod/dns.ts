import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  ipErrors,
  underscoredSubdomainErrors,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import type { PodSpec } from "./types.ts";

/** What a pod is called and whom it asks for names. */

const nameserversMax = 3;
const searchesMax = 32;
const searchListCharsMax = 2048;
/** HOST_NAME_MAX of Linux. */
const hostnameBytesMax = 64;

export function validateDnsConfig({ dnsConfig, dnsPolicy }: PodSpec, path: string): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (dnsPolicy === "None") {
    if (dnsConfig === undefined)
      return [field.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")];
    if (nameservers.length === 0) {
      const rule = "must provide at least one DNS nameserver when `dnsPolicy` is None";
      return [field.required(`${path}.nameservers`, rule)];
    }
  }
  const errors: FieldError[] = [];
  if (nameservers.length > nameserversMax) {
    const rule = `must not have more than ${nameserversMax} nameservers`;
    errors.push(field.invalid(`${path}.nameservers`, nameservers, rule));
  }
  errors.push(
    ...nameservers.flatMap((server, i) => complaints(`${path}.nameservers[${i}]`, server, ipErrors(server))),
  );
  if (searches.length > searchesMax)
    errors.push(
      field.invalid(`${path}.searches`, searches, `must not have more than ${searchesMax} search paths`),
    );
  if (searches.join(" ").length > searchListCharsMax) {
    const rule = `must not have more than ${searchListCharsMax} characters (including spaces) in the search list`;
    errors.push(field.invalid(`${path}.searches`, searches, rule));
  }
  searches.forEach((search, i) => {
    if (search === ".") return;
    const domain = search.replace(/\.$/, "");
    errors.push(...complaints(`${path}.searches[${i}]`, domain, underscoredSubdomainErrors(domain)));
  });
  options.forEach(({ name = "" }, i) => {
    if (name === "") errors.push(field.required(`${path}.options[${i}]`, "must not be empty"));
  });
  return errors;
}

export function validateHostnames({ hostname, subdomain }: PodSpec, path: string): FieldError[] {
  return [
    ...(hostname ? complaints(`${path}.hostname`, hostname, dns1123LabelErrors(hostname)) : []),
    ...(subdomain ? complaints(`${path}.subdomain`, subdomain, dns1123LabelErrors(subdomain)) : []),
  ];
}

export function validateHostnameOverride(spec: PodSpec, path: string): FieldError[] {
  const { hostnameOverride, setHostnameAsFQDN, hostNetwork } = spec;
  if (hostnameOverride === undefined) return [];
  const at = `${path}.hostnameOverride`;
  const errors: FieldError[] = [];
  if (setHostnameAsFQDN === true)
    errors.push(field.forbidden(at, "may not be specified when setHostnameAsFQDN is true"));
  if (hostNetwork === true) errors.push(field.forbidden(at, "may not be specified when hostNetwork is true"));
  if (hostnameOverride.length > hostnameBytesMax) errors.push(field.tooLong(at, hostnameBytesMax));
  return [...errors, ...complaints(at, hostnameOverride, dns1123SubdomainErrors(hostnameOverride))];
}

export function validateHostAliases({ hostAliases = [] }: PodSpec, path: string): FieldError[] {
  return hostAliases.flatMap(({ ip, hostnames = [] }, i) => [
    ...complaints(`${path}[${i}].ip`, ip, ipErrors(ip)),
    ...hostnames.flatMap((name, j) =>
      complaints(`${path}[${i}].hostnames[${j}]`, name, dns1123SubdomainErrors(name)),
    ),
  ]);
}
