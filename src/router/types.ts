import type { KubeObject } from "../apimachinery/index.ts";
import type { Service } from "../catalog/index.ts";

/** networking.k8s.io/v1 Ingress, as far as it is routed. */
export interface Ingress extends KubeObject {
  readonly spec?: {
    readonly ingressClassName?: string;
    readonly defaultBackend?: IngressBackend;
    readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
    readonly rules?: readonly {
      readonly host?: string;
      readonly http?: {
        readonly paths: readonly {
          readonly path?: string;
          readonly pathType?: "Exact" | "Prefix" | "ImplementationSpecific";
          readonly backend: IngressBackend;
        }[];
      };
    }[];
  };
}

interface IngressBackend {
  readonly service?: {
    readonly name: string;
    readonly port?: { readonly name?: string; readonly number?: number };
  };
  readonly resource?: object;
}

/** route.openshift.io/v1 Route */
export interface Route extends KubeObject {
  readonly spec?: {
    readonly host?: string;
    readonly path?: string;
    readonly to?: RouteTarget;
    readonly alternateBackends?: readonly RouteTarget[];
    readonly port?: { readonly targetPort?: string | number };
    readonly wildcardPolicy?: "None" | "Subdomain";
    readonly tls?: {
      readonly termination?: "edge" | "passthrough" | "reencrypt";
      readonly certificate?: string;
      readonly key?: string;
      readonly caCertificate?: string;
      readonly destinationCACertificate?: string;
      readonly insecureEdgeTerminationPolicy?: "None" | "Allow" | "Redirect";
    };
  };
}

interface RouteTarget {
  readonly kind?: string;
  readonly name?: string;
  readonly weight?: number;
}

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** One Service behind a route, and its share of the traffic. */
export interface Target {
  /** `namespace/name` */
  readonly serviceKey: string;
  /** Of the Service's port: its name in the slices. */
  readonly portName: string;
  readonly weight: number;
}

export type Termination = "none" | "edge" | "passthrough" | "reencrypt";

/** One line of the table: what is asked for, and who answers. */
export interface RouteEntry {
  /** Of the object and the rule within it; stays the same as long as both do. Letters, digits, `_`, `-`, `.` and `:`. */
  readonly id: string;
  /** `Ingress shop/web` */
  readonly owner: string;
  /** Lower case; `*.example.org` for one label more; "" for any. */
  readonly host: string;
  /** Begins with a slash. */
  readonly path: string;
  readonly exact: boolean;
  readonly termination: Termination;
  /** What becomes of plain requests for a host with TLS. */
  readonly insecure: "allow" | "redirect" | "none";
  readonly targets: readonly Target[];
  /** A client stays with the endpoint that it met first, by a cookie. */
  readonly sticky: boolean;
  /** Authority of the endpoints' certificates, with reencrypt; PEM. */
  readonly destinationCa: string | undefined;
}

/** Why an object, or a part of it, is not routed. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** Everything a driver needs, and what the objects' owners should know. */
export interface RouteTable {
  /** Most specific first: hosts before wildcards before any host, long paths before short ones. */
  readonly entries: readonly RouteEntry[];
  /** By host as in entries; "" for connections that name no host that has one. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  /** By owner. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
  /** Owners with at least one entry. */
  readonly admitted: ReadonlySet<string>;
}

/** What rules may look up. */
export interface TableSources {
  readonly ingresses: readonly Ingress[];
  readonly routes: readonly Route[];
  service(namespace: string, name: string): Service | undefined;
  /** The certificate in a `kubernetes.io/tls` Secret, or why there is none. */
  certificate(namespace: string, secret: string): Certificate | Problem;
  /** The certificate and key belong together. */
  isUsable(certificate: Certificate): boolean;
}

/** What one object asks for. */
export interface Rules {
  readonly owner: string;
  readonly entries: readonly RouteEntry[];
  readonly certificates: readonly (readonly [host: string, certificate: Certificate])[];
  readonly problems: readonly Problem[];
}
