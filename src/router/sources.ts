import type { Catalog, Service } from "../catalog/index.ts";
import type { Informer, InformerFactory } from "../client/index.ts";
import { SecretCertificates, type TlsSecret } from "./certificates.ts";
import { controllerName } from "./kinds.ts";
import { routes as routeScope } from "./status.ts";
import type { Certificate, Ingress, Problem, Route, TableSources } from "./types.ts";

const networking = { group: "networking.k8s.io", version: "v1" };

/** The objects that a table is made of, as informers have them. */
export class RouteSources implements TableSources {
  readonly #ingresses: Informer<Ingress>;
  readonly #classes: Informer;
  readonly #secrets: Informer<TlsSecret>;
  readonly #catalog: Catalog;
  readonly #certificates = new SecretCertificates();
  readonly isUsable: (certificate: Certificate) => boolean;
  #routes: Informer<Route> | undefined;

  constructor(informers: InformerFactory, catalog: Catalog, isUsable: (certificate: Certificate) => boolean) {
    this.#ingresses = informers.informer<Ingress>({ ...networking, resource: "ingresses" });
    this.#classes = informers.informer({ ...networking, resource: "ingressclasses" });
    this.#secrets = informers.informer<TlsSecret>({
      group: "",
      version: "v1",
      resource: "secrets",
      fieldSelector: "type=kubernetes.io/tls",
    });
    this.#catalog = catalog;
    this.isUsable = isUsable;
  }

  /** The kind Route is served from now on. */
  followRoutes(informers: InformerFactory, changed?: () => void): void {
    this.#routes = informers.informer<Route>(routeScope);
    if (changed !== undefined) this.#routes.addHandler({ add: changed, update: changed, delete: changed });
  }

  /** Something that the table is made of is not as it was; endpoints and Services aside. */
  onChange(changed: () => void): void {
    const handler = { add: changed, update: changed, delete: changed };
    this.#ingresses.addHandler(handler);
    this.#classes.addHandler(handler);
    this.#secrets.addHandler(handler);
  }

  /** An owner was written to. */
  onIngress(updated: (ingress: Ingress) => void): void {
    this.#ingresses.addHandler({ update: updated });
  }

  get synced(): Promise<void> {
    return Promise.all([this.#ingresses.synced, this.#classes.synced, this.#secrets.synced]).then(() => {});
  }

  get ingresses(): readonly Ingress[] {
    return this.#ingresses.lister.list().filter((ingress) => this.#isOurs(ingress));
  }

  get routes(): readonly Route[] {
    return this.#routes?.lister.list() ?? [];
  }

  findIngress(namespace: string, name: string): Ingress | undefined {
    return this.#ingresses.lister.get(namespace, name);
  }

  findRoute(namespace: string, name: string): Route | undefined {
    return this.#routes?.lister.get(namespace, name);
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#catalog.services.get(namespace, name);
  }

  certificate(namespace: string, name: string): Certificate | Problem {
    return this.#certificates.read(`${namespace}/${name}`, this.#secrets.lister.get(namespace, name));
  }

  #isOurs({ spec, metadata }: Ingress): boolean {
    const name = spec?.ingressClassName ?? metadata.annotations?.["kubernetes.io/ingress.class"];
    if (name === undefined) return false;
    return (
      name === "raftsman" || this.#classes.lister.get(undefined, name)?.spec?.controller === controllerName
    );
  }
}
