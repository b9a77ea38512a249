/** A container's environment, in upstream's order: services, envFrom, env; later ones win. Pure but for the objects it asks for. */
import type { KubeObject } from "../../apimachinery/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { expand } from "./expand.ts";
import { fieldValue, type PodPlace, resourceValue } from "./fields.ts";
import type { Container, EnvFrom, EnvVar, Pod } from "./pod.ts";

/** What a container refers to is not there: it waits with this reason until it is. */
export class ConfigError extends Error {
  override readonly name = "CreateContainerConfigError";
}

/** Looks up a ConfigMap or Secret of the pod's namespace; undefined where there is none. */
export type ObjectSource = (kind: "configmap" | "secret", name: string) => Promise<KubeObject | undefined>;

export interface EnvironmentRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly place: PodPlace;
  /** What every program gets, before all else: PATH, HOSTNAME, POD_IP … */
  readonly base: Readonly<Record<string, string>>;
  readonly services: Readonly<Record<string, string>>;
  readonly objects: ObjectSource;
}

/** @throws ConfigError */
export async function environmentOf(request: EnvironmentRequest): Promise<Record<string, string>> {
  const { container, base, services, objects } = request;
  const given: Record<string, string> = Object.create(null);
  for (const source of container.envFrom ?? []) Object.assign(given, await variablesFrom(source, objects));
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, given, request);
    if (value !== undefined) given[variable.name] = value;
  }
  return { ...base, ...services, ...given };
}

async function variablesFrom(source: EnvFrom, objects: ObjectSource): Promise<Record<string, string>> {
  const kind = source.configMapRef === undefined ? "secret" : "configmap";
  const ref = source.configMapRef ?? source.secretRef;
  const name = ref?.name ?? "";
  const object = await objects(kind, name);
  if (object === undefined) {
    if (ref?.optional === true) return {};
    throw new ConfigError(`${kind} ${JSON.stringify(name)} not found`);
  }
  const variables: Record<string, string> = Object.create(null);
  for (const [key, bytes] of contentsOf(object)) variables[`${source.prefix ?? ""}${key}`] = fromUtf8(bytes);
  return variables;
}

async function variableValue(
  variable: EnvVar,
  given: Readonly<Record<string, string>>,
  { pod, container, place, services, objects, base }: EnvironmentRequest,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (from === undefined) {
    return expand(variable.value ?? "", (name) => own(given, name) ?? own(services, name) ?? own(base, name));
  }
  if (from.fieldRef !== undefined) return fieldValue(pod, place, from.fieldRef.fieldPath);
  if (from.resourceFieldRef !== undefined) return resourceValue(pod, container, from.resourceFieldRef, place);
  const kind = from.configMapKeyRef === undefined ? "secret" : "configmap";
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  if (ref === undefined) return "";
  const name = ref.name ?? "";
  const object = await objects(kind, name);
  const bytes = object === undefined ? undefined : contentsOf(object).get(ref.key);
  if (bytes !== undefined) return fromUtf8(bytes);
  if (ref.optional === true) return undefined;
  if (object === undefined) throw new ConfigError(`${kind} ${JSON.stringify(name)} not found`);
  const label = kind === "configmap" ? "ConfigMap" : "Secret";
  throw new ConfigError(`couldn't find key ${ref.key} in ${label} ${pod.metadata.namespace}/${name}`);
}

const own = (map: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(map, name) ? map[name] : undefined;

/** The keys of a ConfigMap or Secret with their bytes. */
export function contentsOf(object: KubeObject): Map<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>();
  const secret = object.kind === "Secret";
  for (const [key, text] of Object.entries((object["data"] ?? {}) as Record<string, string>))
    contents.set(key, secret ? Buffer.from(text, "base64") : Buffer.from(text));
  for (const [key, text] of Object.entries((object["binaryData"] ?? {}) as Record<string, string>))
    contents.set(key, Buffer.from(text, "base64"));
  return contents;
}
