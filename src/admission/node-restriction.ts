import { deepEqual, errors, type KubeObject } from "../apimachinery/index.ts";
import {
  type Authorizer,
  CertificateRequestError,
  claimOf,
  isMirrorPod,
  nodeOf,
  parseCertificateRequest,
  podReferences,
  signerNames,
} from "../auth/index.ts";
import { refused } from "./forbidden.ts";
import { forbiddenLabels } from "./node-labels.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest } from "./ports.ts";

const pods = { group: "", version: "v1", resource: "pods" };
const nodes = { group: "", version: "v1", resource: "nodes" };

/**
 * Holds kubelets to what is theirs: their own Node without its taints, pods that are assigned to them, tokens of those pods' accounts.
 * What they may read is the node authorizer's to say. plugin/pkg/admission/noderestriction.
 */
export function nodeRestriction(deps: {
  readonly reader: AdmissionReader;
  readonly authorizer: Authorizer;
}): AdmissionPlugin {
  return {
    name: "NodeRestriction",
    async mutate(request) {
      const node = nodeOf(request.user);
      if (node === undefined) return;
      const restriction = new Restriction(node, request, deps);
      const { group, resource } = request.resource;
      switch (`${resource}.${group}`) {
        case "pods.":
          return await restriction.pod();
        case "nodes.":
          return restriction.node();
        case "persistentvolumeclaims.":
          return restriction.claim();
        case "serviceaccounts.":
          return await restriction.token();
        case "leases.coordination.k8s.io":
          return restriction.lease();
        case "csinodes.storage.k8s.io":
          return restriction.ownName("can only access CSINode with the same name as the requesting node");
        case "certificatesigningrequests.certificates.k8s.io":
          return restriction.certificate();
      }
    },
  };
}

class Restriction {
  readonly #node: string;
  readonly #quoted: string;
  readonly #request: AdmissionRequest;
  readonly #deps: { readonly reader: AdmissionReader; readonly authorizer: Authorizer };

  constructor(
    node: string,
    request: AdmissionRequest,
    deps: { reader: AdmissionReader; authorizer: Authorizer },
  ) {
    this.#node = node;
    this.#quoted = JSON.stringify(node);
    this.#request = request;
    this.#deps = deps;
  }

  #refuse(why: string): never {
    throw refused(this.#request, why);
  }

  async pod(): Promise<void> {
    const { subresource, operation, object, old, name } = this.#request;
    switch (subresource) {
      case "":
        if (operation === "CREATE") return await this.#mirrorPod(object as KubeObject);
        if (operation === "DELETE") {
          if (old?.["spec"]?.nodeName === this.#node) return;
          return this.#refuse(`node ${this.#quoted} can only delete pods with spec.nodeName set to itself`);
        }
        return this.#refuse(
          `unexpected operation ${JSON.stringify(operation)}, node ${this.#quoted} can only create and delete mirror pods`,
        );
      case "status":
        return this.#podStatus();
      case "eviction": {
        const pod = await this.#existingPod(name || (object?.metadata.name ?? ""));
        if (pod["spec"]?.nodeName === this.#node) return;
        return this.#refuse(`node ${this.#node} can only evict pods with spec.nodeName set to itself`);
      }
      default:
        return this.#refuse(
          `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`,
        );
    }
  }

  async #mirrorPod(pod: KubeObject): Promise<void> {
    const node = `node ${this.#quoted}`;
    if (!isMirrorPod(pod))
      this.#refuse(
        `pod does not have "kubernetes.io/config.mirror" annotation, ${node} can only create mirror pods`,
      );
    if (pod["spec"]?.nodeName !== this.#node)
      this.#refuse(`${node} can only create pods with spec.nodeName set to itself`);
    const owners = pod.metadata.ownerReferences ?? [];
    const [owner] = owners;
    if (owners.length > 1)
      this.#refuse(`${node} can only create pods with a single owner reference set to itself`);
    if (
      owner === undefined ||
      owner.apiVersion !== "v1" ||
      owner.kind !== "Node" ||
      owner.name !== this.#node
    )
      return this.#refuse(`${node} can only create pods with an owner reference set to itself`);
    if (owner.controller !== true)
      this.#refuse(`${node} can only create pods with a controller owner reference set to itself`);
    if (owner.blockOwnerDeletion === true)
      this.#refuse(`${node} must not set blockOwnerDeletion on an owner reference`);
    const self = await this.#deps.reader.get(nodes, { namespace: "", name: this.#node });
    if (self === undefined) throw errors.notFound(nodes, this.#node);
    const { uid } = self.metadata;
    if (owner.uid !== uid) this.#refuse(`node ${this.#node} UID mismatch: expected ${owner.uid} got ${uid}`);
    const { secrets, configMaps, claims, serviceAccount } = podReferences(pod);
    const referenced =
      serviceAccount !== ""
        ? "serviceaccounts"
        : secrets.size > 0
          ? "secrets"
          : configMaps.size > 0
            ? "configmaps"
            : claims.size > 0
              ? "persistentvolumeclaims"
              : "";
    if (referenced !== "") this.#refuse(`${node} can not create pods that reference ${referenced}`);
  }

  #podStatus(): void {
    const { object, old } = this.#request;
    const node = `node ${this.#quoted}`;
    if (old?.["spec"]?.nodeName !== this.#node)
      this.#refuse(`${node} can only update pod status for pods with spec.nodeName set to itself`);
    if (!deepEqual(object?.metadata.labels ?? {}, old?.metadata.labels ?? {}))
      this.#refuse(`${node} cannot update labels through pod status`);
    if (
      !deepEqual(
        object?.["status"]?.resourceClaimStatuses ?? [],
        old?.["status"]?.resourceClaimStatuses ?? [],
      )
    )
      this.#refuse(`${node} cannot update resource claim statues`);
  }

  node(): void {
    const { operation, object, old } = this.#request;
    const node = `node ${this.#quoted}`;
    const name = this.#request.name || (object?.metadata.name ?? "");
    if (name !== this.#node) this.#refuse(`${node} is not allowed to modify node ${JSON.stringify(name)}`);
    if (object === undefined) return;
    const labels = forbiddenLabels(object.metadata.labels ?? {}, old?.metadata.labels ?? {});
    if (operation === "CREATE") {
      if (labels.length > 0)
        this.#refuse(`${node} is not allowed to set the following labels: ${labels.join(", ")}`);
      return;
    }
    if (!deepEqual(object["spec"]?.taints ?? [], old?.["spec"]?.taints ?? []))
      this.#refuse(`${node} is not allowed to modify taints`);
    if (!deepEqual(object.metadata.ownerReferences ?? [], old?.metadata.ownerReferences ?? []))
      this.#refuse(`${node} is not allowed to modify ownerReferences`);
    if (labels.length > 0) this.#refuse(`is not allowed to modify labels: ${labels.join(", ")}`);
  }

  claim(): void {
    const { subresource, object, old } = this.#request;
    if (subresource !== "status") this.#refuse("may only update PVC status");
    if (deepEqual(withoutNodesPart(object), withoutNodesPart(old))) return;
    this.#refuse(
      `node ${this.#quoted} is not allowed to update fields other than status.quantity and status.conditions`,
    );
  }

  /** A token only for a pod that runs here, and for an audience that the pod asks for. */
  async token(): Promise<void> {
    const { operation, subresource, object } = this.#request;
    if (operation !== "CREATE" || subresource !== "token") return;
    const { boundObjectRef: bound, audiences = [] } = object?.["spec"] ?? {};
    if (bound?.apiVersion !== "v1" || bound.kind !== "Pod" || !bound.name)
      this.#refuse("node requested token not bound to a pod");
    if (!bound.uid) this.#refuse("node requested token with a pod binding without a uid");
    const pod = await this.#existingPod(bound.name);
    if (pod.metadata.uid !== bound.uid) {
      this.#refuse(
        `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    if (pod["spec"]?.nodeName !== this.#node)
      this.#refuse("node requested token bound to a pod scheduled on a different node");
    await this.#audience(pod, audiences ?? []);
  }

  async #audience(pod: KubeObject, audiences: readonly string[]): Promise<void> {
    const [audience = ""] = audiences;
    if (audiences.length > 1) this.#refuse("node may only request 0 or 1 audiences");
    for (const volume of pod["spec"]?.volumes ?? []) {
      for (const { serviceAccountToken } of volume.projected?.sources ?? [])
        if (serviceAccountToken !== undefined && (serviceAccountToken.audience ?? "") === audience) return;
      if (await this.#driverAsksFor(audience, pod, volume)) return;
    }
    const { user, namespace, name } = this.#request;
    const resource = { group: "", resource: audience, subresource: "", namespace, name };
    const verb = "request-serviceaccounts-token-audience";
    if ((await this.#deps.authorizer.authorize({ user, verb, resource, path: "" })).allowed) return;
    this.#refuse(
      `audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
    );
  }

  /** Drivers of storage get tokens of the pods that use them. */
  // biome-ignore lint/suspicious/noExplicitAny: a volume of a stored pod.
  async #driverAsksFor(audience: string, pod: KubeObject, volume: any): Promise<boolean> {
    const { reader } = this.#deps;
    const core = (resource: string) => ({ group: "", version: "v1", resource });
    const { namespace = "" } = pod.metadata;
    let driver: string = volume.csi?.driver ?? "";
    const claimName = claimOf(pod, volume);
    if (claimName !== undefined) {
      const claim = await reader.get(core("persistentvolumeclaims"), { namespace, name: claimName });
      const volumeName: string = claim?.["spec"]?.volumeName ?? "";
      const bound =
        volumeName === ""
          ? undefined
          : await reader.get(core("persistentvolumes"), { namespace: "", name: volumeName });
      driver = bound?.["spec"]?.csi?.driver ?? "";
    }
    if (driver === "") return false;
    const drivers = { group: "storage.k8s.io", version: "v1", resource: "csidrivers" };
    const found = await reader.get(drivers, { namespace: "", name: driver });
    const requests: { audience?: string }[] = found?.["spec"]?.tokenRequests ?? [];
    return requests.some((one) => (one.audience ?? "") === audience);
  }

  lease(): void {
    if (this.#request.namespace !== "kube-node-lease")
      this.#refuse('can only access leases in the "kube-node-lease" system namespace');
    this.ownName("can only access node lease with the same name as the requesting node");
  }

  ownName(why: string): void {
    const name = this.#request.name || (this.#request.object?.metadata.name ?? "");
    if (name !== this.#node) this.#refuse(why);
  }

  certificate(): void {
    const { operation, object } = this.#request;
    const { signerName, request = "" } = object?.["spec"] ?? {};
    const forKubelets = signerName === signerNames.kubeletServing || signerName === signerNames.kubeletClient;
    if (operation !== "CREATE" || !forKubelets) return;
    try {
      if (parseCertificateRequest(request).commonName === `system:node:${this.#node}`) return;
    } catch (error) {
      if (!(error instanceof CertificateRequestError)) throw error;
      this.#refuse(`unable to parse csr: ${error.message}`);
    }
    this.#refuse(`can only create a node CSR with CN=system:node:${this.#node}`);
  }

  async #existingPod(name: string): Promise<KubeObject> {
    const { namespace } = this.#request;
    const { reader } = this.#deps;
    // A pod that was assigned this moment may not have come to the cache.
    const found =
      (await reader.get(pods, { namespace, name })) ??
      (await reader.get(pods, { namespace, name, fresh: true }));
    if (found === undefined) throw errors.notFound(pods, name);
    return found;
  }
}

/** A claim but for what a kubelet tells of it when its file system has grown. */
function withoutNodesPart(claim: KubeObject | undefined): object {
  const { metadata, status, ...rest } = claim ?? { metadata: {} };
  const { resourceVersion: _, managedFields: __, ...meta } = metadata;
  const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...kept } = status ?? {};
  return { ...rest, metadata: meta, status: kept };
}
