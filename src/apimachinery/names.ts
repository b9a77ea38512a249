import type { NumberSource } from "../base/index.ts";

/** Every check answers upstream's texts for what is wrong, an empty list for a good value. */
export type NameCheck = (value: string) => string[];

/** RFC 1123 subdomain, 253 characters: most names. */
export function dns1123SubdomainErrors(value: string): string[] {
  void value;
  return [];
}
/** RFC 1123 label, 63 characters: namespaces. */
export function dns1123LabelErrors(value: string): string[] {
  void value;
  return [];
}
/** RFC 1035 label, 63 characters: services before 1.34, port names. */
export function dns1035LabelErrors(value: string): string[] {
  void value;
  return [];
}
/** `prefix/name`: label keys, annotation keys, taint keys, finalizers. */
export function qualifiedNameErrors(value: string): string[] {
  void value;
  return [];
}
export function labelValueErrors(value: string): string[] {
  void value;
  return [];
}
/** Keys of ConfigMaps and Secrets. */
export function configMapKeyErrors(value: string): string[] {
  void value;
  return [];
}
/** IANA service names: named ports. */
export function portNameErrors(value: string): string[] {
  void value;
  return [];
}
export function portNumberErrors(value: number): string[] {
  void value;
  return [];
}
/** Environment variable names (relaxed: any printable ASCII but "="). */
export function envVarNameErrors(value: string): string[] {
  void value;
  return [];
}
/** IPv4 or IPv6 address. */
export function ipErrors(value: string): string[] {
  void value;
  return [];
}
/** What may be a segment of a URL path: no "/", "%", ".", "..". RBAC names. */
export function pathSegmentErrors(value: string): string[] {
  void value;
  return [];
}
/** `base` and five random characters, cut so that a name of 63 results: apiserver's names.SimpleNameGenerator. */
export function generateName(base: string, random: NumberSource): string {
  return base + String(random()).slice(2, 7);
}
