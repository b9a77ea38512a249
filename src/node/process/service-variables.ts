/** The variables that tell a program of services, as upstream's pkg/kubelet/envvars: docker's links, and `_SERVICE_HOST`. Pure. */
import type { KubeObject } from "../../apimachinery/index.ts";
import type { Informer } from "../../client/index.ts";

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
}

interface ServiceSource extends Pick<Informer, "addHandler"> {
  readonly lister: Pick<Informer["lister"], "list">;
}

/** Keeps what was worked out until a Service changes: with a thousand of them the programs that start would spend more on it than on all else. */
export class ServiceVariables {
  readonly #services: ServiceSource;
  readonly #known = new Map<string, Readonly<Record<string, string>>>();

  constructor(services: ServiceSource) {
    this.#services = services;
    const forget = (): void => this.#known.clear();
    services.addHandler({ add: forget, update: forget, delete: forget });
  }

  of(namespace: string, links: boolean): Readonly<Record<string, string>> {
    const key = `${namespace} ${links}`;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = serviceVariables(this.#services.lister.list(), { namespace, links });
      this.#known.set(key, found);
    }
    return found;
  }
}

/** Those of the pod's namespace, where the pod wants them, and always the API server's. */
export function serviceVariables(
  services: readonly KubeObject[],
  pod: { readonly namespace: string; readonly links: boolean },
): Record<string, string> {
  const variables: Record<string, string> = {};
  const chosen = services.filter(({ metadata: { namespace, name }, spec }) => {
    const ip: string | undefined = spec?.clusterIP;
    if (ip === undefined || ip === "" || ip === "None") return false;
    if (namespace === "default" && name === "kubernetes") return true;
    return pod.links && namespace === pod.namespace;
  });
  // The namespace's own `kubernetes` wins over the API server's: it comes later.
  chosen.sort(
    (a, b) => Number(a.metadata.namespace === pod.namespace) - Number(b.metadata.namespace === pod.namespace),
  );
  for (const service of chosen) addVariables(variables, service);
  return variables;
}

function addVariables(variables: Record<string, string>, { metadata, spec }: KubeObject): void {
  const prefix = variableName(metadata.name ?? "");
  const host: string = spec.clusterIP;
  const ports = (spec.ports ?? []) as ServicePort[];
  const first = ports[0];
  variables[`${prefix}_SERVICE_HOST`] = host;
  if (first === undefined) return;
  variables[`${prefix}_SERVICE_PORT`] = String(first.port);
  for (const { name, port } of ports) {
    if (name) variables[`${prefix}_SERVICE_PORT_${variableName(name)}`] = String(port);
  }
  const at = host.includes(":") ? `[${host}]` : host;
  ports.forEach(({ port, protocol = "TCP" }, position) => {
    const url = `${protocol.toLowerCase()}://${at}:${port}`;
    const link = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    if (position === 0) variables[`${prefix}_PORT`] = url;
    variables[link] = url;
    variables[`${link}_PROTO`] = protocol.toLowerCase();
    variables[`${link}_PORT`] = String(port);
    variables[`${link}_ADDR`] = host;
  });
}

const variableName = (name: string): string => name.replaceAll("-", "_").toUpperCase();
