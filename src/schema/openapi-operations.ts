import type { GroupVersionKind } from "../apimachinery/index.ts";
import { connectOperations, logMediaTypes, logParameters } from "./openapi-connect.ts";
import {
  atRevision,
  deleting,
  listing,
  nameInPath,
  namespaceInPath,
  type Operation,
  type Parameter,
  patching,
  pretty,
  selecting,
  writing,
} from "./openapi-operation.ts";
import type { ResourceInfo, SubresourceInfo } from "./resources.ts";
import { definitionOfKind } from "./types.ts";

/** What most operations share is filled in by `#add`. */
type PartialOperation = Partial<Operation> & Pick<Operation, "method" | "id" | "action" | "parameters">;

export type PathOperations = ReadonlyMap<string, readonly Operation[]>;

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

/** Kinds whose DELETE answers the object; the others answer a Status. */
const answeringDeleted = new Set([
  "Pod",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "PodTemplate",
  "ResourceQuota",
  "ServiceAccount",
  "Service",
  "CSIDriver",
  "CSINode",
  "StorageClass",
  "VolumeAttachment",
  "VolumeAttributesClass",
  "DeviceClass",
  "ResourceClaim",
  "ResourceClaimTemplate",
  "ResourceSlice",
]);

/** The base path of a group version: `/api/v1`, `/apis/apps/v1`. */
export function basePath(group: string, version: string): string {
  return group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** `rbac.authorization.k8s.io` reads `rbacAuthorization` in tags and operation ids, `x-k8s.io` `xK8sIo`. */
export function groupName(group: string): string {
  if (group === "") return "core";
  const parts = group.replace(/\.k8s\.io$/, "").split(/[.-]/);
  return parts.map((part, i) => (i === 0 ? part : capitalized(part))).join("");
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The list of resources of a group version, at its base path; about no kind. */
export function resourceListOperation(group: string, version: string): Operation {
  return {
    method: "get",
    id: `get${capitalized(groupName(group))}${capitalized(version)}APIResources`,
    action: "",
    kind: { group, version, kind: "" },
    parameters: [],
    body: "",
    bodyRequired: false,
    responseCodes: [200],
    response: `${meta}.APIResourceList`,
    streams: false,
    custom: false,
  };
}

/** Paths of one resource, each with its operations. */
export function operationsOf(info: ResourceInfo): PathOperations {
  return new ResourcePaths(info).paths;
}

class ResourcePaths {
  readonly paths = new Map<string, Operation[]>();
  readonly #info: ResourceInfo;
  readonly #prefix: string;

  constructor(info: ResourceInfo) {
    this.#info = info;
    this.#prefix = capitalized(groupName(info.group)) + capitalized(info.version);
    const base = basePath(info.group, info.version);
    const place = info.namespaced ? "/namespaces/{namespace}" : "";
    this.#addCollection(`${base}${place}/${info.resource}`);
    this.#addItem(`${base}${place}/${info.resource}/{name}`);
    for (const sub of info.subresources)
      this.#addSubresource(`${base}${place}/${info.resource}/{name}/${sub.name}`, sub);
    if (info.namespaced && this.#has("list")) {
      this.#add(
        `${base}/${info.resource}`,
        this.#list(`list${this.#prefix}${info.kind}ForAllNamespaces`, []),
      );
    }
    if (this.#has("watch") && info.published === undefined) this.#addWatches(base, place);
  }

  #has(verb: string): boolean {
    return this.#info.verbs.includes(verb);
  }

  get #definition(): string {
    return this.#info.published?.name ?? definitionOfKind(this.#info) ?? "";
  }

  get #scope(): Parameter[] {
    return this.#info.namespaced ? [namespaceInPath] : [];
  }

  /** `NamespacedPod`, `Node`. */
  get #noun(): string {
    return `${this.#info.namespaced ? "Namespaced" : ""}${this.#info.kind}`;
  }

  #add(path: string, operation: PartialOperation): void {
    const listed = this.paths.get(path) ?? [];
    this.paths.set(path, listed);
    listed.push({
      kind: this.#info,
      body: "",
      bodyRequired: false,
      responseCodes: [200],
      response: this.#definition,
      streams: false,
      custom: this.#info.published !== undefined,
      ...operation,
    });
  }

  #list(id: string, path: readonly Parameter[]): PartialOperation {
    return {
      method: "get",
      id,
      action: "list",
      parameters: [...path, ...pretty, ...listing],
      response: this.#info.published?.listName ?? `${this.#definition}List`,
      streams: true,
    };
  }

  #addCollection(path: string): void {
    const scope = this.#scope;
    const all = this.#prefix;
    if (this.#has("list")) this.#add(path, this.#list(`list${all}${this.#noun}`, scope));
    if (this.#has("create")) {
      this.#add(path, {
        method: "post",
        id: `create${all}${this.#noun}`,
        action: "post",
        parameters: [...scope, ...pretty, ...writing],
        body: this.#definition,
        bodyRequired: true,
        responseCodes: [200, 201, 202],
      });
    }
    if (this.#has("deletecollection")) {
      this.#add(path, {
        method: "delete",
        id: `delete${all}Collection${this.#noun}`,
        action: "deletecollection",
        response: `${meta}.Status`,
        // Of custom kinds upstream tells what a list takes.
        ...(this.#info.published === undefined
          ? {
              parameters: [...scope, ...pretty, ...selecting, ...deleting],
              body: `${meta}.DeleteOptions`,
            }
          : { parameters: [...scope, ...pretty, ...listing] }),
      });
    }
  }

  #addItem(path: string): void {
    const scope = [nameInPath, ...this.#scope];
    this.#addReadAndWrite(path, this.#info.verbs, "", this.#info, this.#definition);
    if (this.#has("delete")) {
      this.#add(path, {
        method: "delete",
        id: `delete${this.#prefix}${this.#noun}`,
        action: "delete",
        parameters: [...scope, ...pretty, ...deleting],
        body: `${meta}.DeleteOptions`,
        responseCodes: [200, 202],
        response: answeringDeleted.has(this.#info.kind) ? this.#definition : `${meta}.Status`,
      });
    }
  }

  #addReadAndWrite(
    path: string,
    verbs: readonly string[],
    suffix: string,
    kind: GroupVersionKind,
    definition: string,
  ): void {
    const scope = [nameInPath, ...this.#scope, ...pretty];
    const noun = `${this.#prefix}${this.#noun}${suffix}`;
    const shared = { kind, response: definition };
    if (verbs.includes("get")) {
      const parameters = [...scope, ...(this.#info.published === undefined ? [] : atRevision)];
      this.#add(path, { ...shared, method: "get", id: `read${noun}`, action: "get", parameters });
    }
    if (verbs.includes("update")) {
      this.#add(path, {
        ...shared,
        method: "put",
        id: `replace${noun}`,
        action: "put",
        parameters: [...scope, ...writing],
        body: definition,
        bodyRequired: true,
        responseCodes: [200, 201],
      });
    }
    if (verbs.includes("patch")) {
      this.#add(path, {
        ...shared,
        method: "patch",
        id: `patch${noun}`,
        action: "patch",
        parameters: [...scope, ...patching],
        body: `${meta}.Patch`,
        bodyRequired: true,
        responseCodes: this.#info.published === undefined ? [200, 201] : [200],
      });
    }
  }

  #addSubresource(path: string, sub: SubresourceInfo): void {
    const isOwn = this.#info.published !== undefined && sub.kind.group === this.#info.group;
    const definition = isOwn ? this.#definition : definitionOfKind(sub.kind);
    if (sub.name === "log") return this.#addLog(path, sub);
    if (definition === undefined) return this.#addConnect(path, sub);
    const suffix = sub.name === "ephemeralcontainers" ? "Ephemeralcontainers" : capitalized(sub.name);
    const kind = this.#info.published === undefined ? sub.kind : this.#info;
    this.#addReadAndWrite(path, sub.verbs, suffix, kind, definition);
    if (sub.verbs.includes("create")) {
      this.#add(path, {
        method: "post",
        id: `create${this.#prefix}${this.#noun}${suffix}`,
        action: "post",
        kind: sub.kind,
        parameters: [nameInPath, ...this.#scope, ...pretty, ...writing],
        body: definition,
        bodyRequired: true,
        responseCodes: [200, 201, 202],
        response: definition,
      });
    }
  }

  #addLog(path: string, { kind }: SubresourceInfo): void {
    this.#add(path, {
      method: "get",
      id: `read${this.#prefix}${this.#noun}Log`,
      action: "get",
      kind,
      parameters: [nameInPath, ...this.#scope, ...logParameters],
      response: "",
      mediaTypes: logMediaTypes,
    });
  }

  #addConnect(path: string, sub: SubresourceInfo): void {
    const noun = `${this.#prefix}%${this.#noun}${capitalized(sub.name)}`;
    const scope = [nameInPath, ...this.#scope];
    for (const [suffix, operation] of connectOperations(sub, { noun, scope }))
      this.#add(`${path}${suffix}`, operation);
  }

  /** The watch paths of old, which clients no longer use but discovery by OpenAPI still shows. */
  #addWatches(base: string, place: string): void {
    const { kind, resource, namespaced } = this.#info;
    const watch = (id: string, action: string, path: readonly Parameter[]): PartialOperation => ({
      method: "get",
      id: `watch${this.#prefix}${id}`,
      action,
      parameters: [...path, ...pretty, ...listing],
      response: `${meta}.WatchEvent`,
      streams: true,
    });
    const scope = this.#scope;
    this.#add(`${base}/watch${place}/${resource}`, watch(`${this.#noun}List`, "watchlist", scope));
    this.#add(`${base}/watch${place}/${resource}/{name}`, watch(this.#noun, "watch", [nameInPath, ...scope]));
    if (namespaced)
      this.#add(`${base}/watch/${resource}`, watch(`${kind}ListForAllNamespaces`, "watchlist", []));
  }
}
