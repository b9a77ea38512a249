import type { KubeObject } from "../../apimachinery/index.ts";
import type { AccessRequest, Decision } from "../access.ts";
import { CompiledRules } from "../rbac/compiled-rules.ts";
import type { PolicyRule } from "../rbac/types.ts";
import type { ObjectReader } from "../tokens/ports.ts";
import { nodeOf } from "./identity.ts";
import { isMirrorPod, podReferences, volumeSecrets } from "./pod-references.ts";

/** What the decision about a node needs to see. */
export interface NodeObjects extends ObjectReader {
  /** Pods that are assigned to the node. */
  podsOn(node: string): Promise<Iterable<KubeObject>>;
  /** What every node may do: the ClusterRole system:node as upstream ships it. */
  rules(): Promise<readonly PolicyRule[]>;
}

export interface NodeAuthorizer {
  /** Undefined where the user is no node: others decide. */
  authorize(request: AccessRequest): Promise<Decision> | undefined;
}

type Target = NonNullable<AccessRequest["resource"]>;

const allowed: Decision = { allowed: true, reason: "" };
const noOpinion = (reason: string): Decision => ({ allowed: false, reason });

/**
 * What a kubelet may do: see Secrets, ConfigMaps, claims and volumes of the pods on its node and no others, have tokens of their
 * ServiceAccounts, keep its own Node, Lease and CSINode, and what fixed rules let every node do. What it writes is checked further by
 * the admission plugin NodeRestriction. plugin/pkg/auth/authorizer/node.
 */
export function createNodeAuthorizer(objects: NodeObjects): NodeAuthorizer {
  let compiled: CompiledRules | undefined;
  return {
    authorize(request) {
      const node = nodeOf(request.user);
      if (node === undefined) return undefined;
      return decide(node, request, objects, async () => {
        compiled ??= new CompiledRules(await objects.rules());
        return compiled;
      });
    },
  };
}

async function decide(
  node: string,
  request: AccessRequest,
  objects: NodeObjects,
  rules: () => Promise<CompiledRules>,
): Promise<Decision> {
  const { resource: target, verb } = request;
  if (target !== undefined) {
    const relation = new Relation(node, target, objects);
    switch (`${target.resource}.${target.group}`) {
      case "secrets.":
        return await readOfNamespace(verb, target, () => relation.holdsSecret());
      case "configmaps.":
        return await readOfNamespace(verb, target, () =>
          relation.holds(({ configMaps }) => configMaps.has(target.name)),
        );
      case "persistentvolumeclaims.":
        return await claim(verb, target, relation);
      case "persistentvolumes.":
        return await getOnly(verb, target, () => relation.related(relation.holdsVolume()));
      case "volumeattachments.storage.k8s.io":
        return await getOnly(verb, target, () => relation.related(relation.isAttached()));
      case "serviceaccounts.":
        return await account(verb, target, relation);
      case "leases.coordination.k8s.io":
        return lease(verb, target, node);
      case "csinodes.storage.k8s.io":
        return csiNode(verb, target, node);
      case "nodes.":
        return ownNode(verb, target, node);
      case "pods.":
        return await pod(request, target, relation, node);
    }
  }
  return (await rules()).allows(request) ? allowed : noOpinion("");
}

/** Whether what is asked for belongs to a pod on the node. */
class Relation {
  readonly #node: string;
  readonly #target: Target;
  readonly #objects: NodeObjects;

  constructor(node: string, target: Target, objects: NodeObjects) {
    this.#node = node;
    this.#target = target;
    this.#objects = objects;
  }

  async related(found: Promise<boolean>): Promise<Decision> {
    if (this.#target.name === "") return noOpinion("No Object name found");
    if (await found) return allowed;
    return noOpinion(`no relationship found between node '${this.#node}' and this object`);
  }

  holds(names: (references: ReturnType<typeof podReferences>) => boolean): Promise<Decision> {
    return this.related(this.#some((pod) => names(podReferences(pod))));
  }

  /** A Secret may also be one of a volume behind a claim. */
  holdsSecret(): Promise<Decision> {
    const { name, namespace } = this.#target;
    const direct = this.#some((pod) => podReferences(pod).secrets.has(name));
    const behindClaim = async (): Promise<boolean> => {
      for await (const volume of this.#volumes()) {
        const spec = volume["spec"];
        const home: string = volumeSecretNamespace(spec) ?? spec?.claimRef?.namespace ?? "";
        if (home === namespace && volumeSecrets(spec ?? {}).includes(name)) return true;
      }
      return false;
    };
    return this.related(direct.then((found) => found || behindClaim()));
  }

  async holdsVolume(): Promise<boolean> {
    for await (const volume of this.#volumes()) if (volume.metadata.name === this.#target.name) return true;
    return false;
  }

  async isAttached(): Promise<boolean> {
    const at = { group: "storage.k8s.io", version: "v1", resource: "volumeattachments" };
    const attachment = await this.#objects.get(at, { namespace: "", name: this.#target.name });
    return attachment?.["spec"]?.nodeName === this.#node;
  }

  /** The pod itself, whoever it belongs to. */
  async isHere(): Promise<boolean> {
    const { namespace, name } = this.#target;
    for (const { metadata } of await this.#objects.podsOn(this.#node))
      if (metadata.namespace === namespace && metadata.name === name) return true;
    return false;
  }

  async #some(test: (pod: KubeObject) => boolean): Promise<boolean> {
    for (const pod of await this.#objects.podsOn(this.#node)) {
      if (pod.metadata.namespace === this.#target.namespace && !isMirrorPod(pod) && test(pod)) return true;
    }
    return false;
  }

  /** PersistentVolumes that pods here use. */
  async *#volumes(): AsyncGenerator<KubeObject> {
    const core = (resource: string) => ({ group: "", version: "v1", resource });
    for (const pod of await this.#objects.podsOn(this.#node)) {
      const namespace = pod.metadata.namespace ?? "";
      if (isMirrorPod(pod)) continue;
      for (const name of podReferences(pod).claims) {
        const found = await this.#objects.get(core("persistentvolumeclaims"), { namespace, name });
        const volumeName: string = found?.["spec"]?.volumeName ?? "";
        if (volumeName === "") continue;
        const volume = await this.#objects.get(core("persistentvolumes"), {
          namespace: "",
          name: volumeName,
        });
        if (volume !== undefined) yield volume;
      }
    }
  }
}

/** Volumes outlive namespaces, and say where their Secrets are. */
function volumeSecretNamespace(spec: KubeObject["spec"]): string | undefined {
  const { azureFile, csi } = spec ?? {};
  return (
    azureFile?.secretNamespace ??
    (csi?.nodePublishSecretRef ?? csi?.nodeStageSecretRef ?? csi?.nodeExpandSecretRef)?.namespace
  );
}

async function readOfNamespace(
  verb: string,
  target: Target,
  relation: () => Promise<Decision>,
): Promise<Decision> {
  if (!["get", "list", "watch"].includes(verb)) return noOpinion("can only read resources of this type");
  if (target.subresource !== "") return noOpinion("cannot read subresource");
  if (target.namespace === "") return noOpinion("can only read namespaced object of this type");
  return await relation();
}

async function getOnly(verb: string, target: Target, relation: () => Promise<Decision>): Promise<Decision> {
  if (verb !== "get") return noOpinion("can only get individual resources of this type");
  if (target.subresource !== "") return noOpinion("cannot get subresource");
  return await relation();
}

async function claim(verb: string, target: Target, relation: Relation): Promise<Decision> {
  const used = () => relation.holds(({ claims }) => claims.has(target.name));
  if (target.subresource !== "status") return await getOnly(verb, target, used);
  if (verb !== "update" && verb !== "patch") return noOpinion("can only get/update/patch this type");
  return await used();
}

async function account(verb: string, target: Target, relation: Relation): Promise<Decision> {
  const used = () => relation.holds(({ serviceAccount }) => serviceAccount === target.name);
  if (verb === "get" && target.subresource === "") return await readOfNamespace(verb, target, used);
  if (verb !== "create" || target.name === "")
    return noOpinion("can only create tokens for individual service accounts");
  if (target.subresource !== "token") return noOpinion("can only create token subresource of serviceaccount");
  return await used();
}

const ownVerbs = ["get", "create", "update", "patch", "delete"];

function lease(verb: string, { namespace, name }: Target, node: string): Decision {
  if (!ownVerbs.includes(verb))
    return noOpinion("can only get, create, update, patch, or delete a node lease");
  if (namespace !== "kube-node-lease")
    return noOpinion('can only access leases in the "kube-node-lease" system namespace');
  if (verb === "create" || name === node) return allowed;
  return noOpinion("can only access node lease with the same name as the requesting node");
}

function csiNode(verb: string, { subresource, name }: Target, node: string): Decision {
  if (!ownVerbs.includes(verb)) return noOpinion("can only get, create, update, patch, or delete a CSINode");
  if (subresource !== "") return noOpinion("cannot authorize CSINode subresources");
  if (verb === "create" || name === node) return allowed;
  return noOpinion("can only access CSINode with the same name as the requesting node");
}

/** Which Node it may write is NodeRestriction's to say. */
function ownNode(verb: string, { subresource, name }: Target, node: string): Decision {
  if (subresource === "status" && (verb === "update" || verb === "patch")) return allowed;
  if (subresource !== "") return noOpinion("");
  if (["create", "update", "patch"].includes(verb)) return allowed;
  if (!["get", "list", "watch"].includes(verb)) return noOpinion("");
  if (name === node) return allowed;
  if (name === "") return noOpinion(`node '${node}' cannot read all nodes, only its own Node object`);
  return noOpinion(`node '${node}' cannot read '${name}', only its own Node object`);
}

/** Which pods it may write is NodeRestriction's to say. */
async function pod(
  { verb, fieldSelector = "" }: AccessRequest,
  target: Target,
  relation: Relation,
  node: string,
): Promise<Decision> {
  const { subresource, name } = target;
  if (subresource === "status") return verb === "update" || verb === "patch" ? allowed : noOpinion("");
  if (subresource === "eviction") return verb === "create" ? allowed : noOpinion("");
  if (subresource !== "") return noOpinion("");
  if (verb === "create" || verb === "delete") return allowed;
  if (verb === "get") return await relation.related(relation.isHere());
  if (verb !== "list" && verb !== "watch") return noOpinion("");
  if (fieldSelector.split(",").some((part) => /^spec\.nodeName==?(.*)$/.exec(part.trim())?.[1] === node))
    return allowed;
  if (name !== "") return await relation.related(relation.isHere());
  return noOpinion("can only list/watch pods with spec.nodeName field selector");
}
