import { createHash } from "node:crypto";
import { errors, type GroupVersionKind } from "../../apimachinery/index.ts";
import type { Registry, ResourceHandler, Verb } from "../../registry/index.ts";
import { apiVersionOf, compareVersions } from "../../registry/index.ts";
import { builtinResources } from "../../schema/index.ts";
import type { Aggregation } from "../aggregation/aggregation.ts";
import type { RemoteApi } from "../aggregation/remote-api.ts";
import { currentOf } from "../current.ts";
import type { Encoder } from "../encode/encoder.ts";
import { acceptedTypes, contentTypes, negotiateObject } from "../media-types.ts";
import { wantsPretty } from "../pretty.ts";
import type { ApiContext, Layer, Reply } from "../state.ts";

/** Discovery's documents: see `createDiscovery`. */
export interface Discovery {
  readonly layer: Layer;
  /** Whether a document stands at the path now. */
  serves(path: string): boolean;
}

/**
 * What the server serves, told to clients: plain discovery (a document a group version) and aggregated discovery (all in one,
 * with an ETag). Both are made of the registry and neither is written down anywhere else; they are made anew once something
 * else is served, and are no routes because groups come and go.
 */
export function createDiscovery(registry: Registry, aggregation: Aggregation, encoder: Encoder): Discovery {
  const both = {
    get generation() {
      return registry.generation + aggregation.generation;
    },
  };
  const current = currentOf(both, () => documentsOf(registry, aggregation));

  const answer = (context: ApiContext, document: object): void => {
    const { state, req } = context;
    const representation = negotiateObject(req.headers.accept ?? "");
    if (representation.as !== "") throw errors.notAcceptable(Object.values(contentTypes));
    state.reply = {
      status: 200,
      headers: { "content-type": contentTypes[representation.encoding] },
      body: encoder.value(document, representation, wantsPretty(state.info, req.headers["user-agent"])),
    };
  };

  return {
    serves: (path) => current().has(withoutSlash(path)),
    async layer(context, next) {
      const { info } = context.state;
      const isTaken = context.req.method === "GET" || ofEveryMethod.test(info.path);
      const found = isTaken ? current().get(withoutSlash(info.path)) : undefined;
      if (found === undefined) return await next(context);
      const aggregate =
        found.aggregated === undefined ? undefined : wantedAggregate(context, found.aggregated);
      if (aggregate === undefined) answer(context, found.plain(context));
      else context.state.reply = aggregate;
    },
  };
}

interface Document {
  plain(context: ApiContext): object;
  readonly aggregated?: AggregatedDocuments;
}

/** The groups' own documents, which upstream's aggregator answers whatever the method. */
const ofEveryMethod = /^\/apis(?:\/[^/]*)?\/?$/;
const withoutSlash = (path: string): string =>
  path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;

/** By path. */
function documentsOf(registry: Registry, aggregation: Aggregation): ReadonlyMap<string, Document> {
  const groups = withRemotes(groupsOf(registry), aggregation);
  const named = groups.filter(({ name }) => name !== "");
  const documents = new Map<string, Document>();
  documents.set("/api", {
    plain: (context) => ({
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: context.host }],
    }),
    aggregated: aggregatedDocuments(groups.filter(({ name }) => name === "")),
  });
  documents.set("/apis", {
    plain: () => ({ kind: "APIGroupList", apiVersion: "v1", groups: named.map(groupFields) }),
    aggregated: aggregatedDocuments(named),
  });
  for (const group of groups) {
    const root = group.name === "" ? "/api" : `/apis/${group.name}`;
    if (group.name !== "") {
      const document = { kind: "APIGroup", apiVersion: "v1", ...groupFields(group) };
      documents.set(root, { plain: () => document });
    }
    for (const { version, handlers, remote } of group.versions) {
      // Another server's own document is asked of it.
      if (remote !== undefined) continue;
      const groupVersion = apiVersionOf({ group: group.name, version });
      const resources = handlers.map((handler) => resourceFields(handler, group.name, version));
      // The core group's list has no apiVersion of its own upstream.
      const document = {
        kind: "APIResourceList",
        ...(group.name === "" ? {} : { apiVersion: "v1" }),
        groupVersion,
        resources,
      };
      documents.set(`${root}/${version}`, { plain: () => document });
    }
  }
  return documents;
}

interface ServedGroup {
  readonly name: string;
  readonly versions: readonly ServedGroupVersion[];
}

interface ServedGroupVersion {
  readonly version: string;
  readonly handlers: readonly ResourceHandler[];
  /** Another server has it; stale while it does not answer. */
  readonly remote?: { readonly resources?: readonly object[]; readonly freshness: "Current" | "Stale" };
}

/** With the versions that other servers have, where their APIServices say that they stand. */
function withRemotes(groups: ServedGroup[], aggregation: Aggregation): ServedGroup[] {
  const merged = [...groups];
  const byPriority = [...aggregation.remotes].sort(
    (a, b) =>
      priorityOf(b) - priorityOf(a) ||
      (a.group < b.group ? -1 : a.group > b.group ? 1 : compareVersions(a.version, b.version)),
  );
  for (const remote of byPriority) {
    const known = aggregation.known(remote);
    const version = {
      version: remote.version,
      handlers: [],
      remote: {
        ...(known === undefined || known.resources.length === 0 ? {} : { resources: known.resources }),
        freshness: remote.isAvailable && known?.isFresh === true ? ("Current" as const) : ("Stale" as const),
      },
    };
    const at = merged.findIndex(({ name }) => name === remote.group);
    const present = merged[at];
    if (present === undefined) merged.push({ name: remote.group, versions: [version] });
    else {
      const others = present.versions.filter((other) => other.version !== version.version);
      merged[at] = { ...present, versions: [...others, version] };
    }
  }
  return merged;
}

const priorityOf = ({ service }: RemoteApi): number => service.spec.groupPriorityMinimum;

/** Built-in groups in discovery's order, the core group first, then others by name; versions most stable first, as the registry lists them. */
function groupsOf(registry: Registry): ServedGroup[] {
  const byVersion = Map.groupBy(
    registry.resources,
    ({ resource }) => `${resource.group}/${resource.version}`,
  );
  const builtin = [...new Set(builtinResources().map(({ group }) => group))];
  const names = new Set(registry.resources.map(({ resource }) => resource.group));
  const others = [...names].filter((name) => !builtin.includes(name)).sort();
  return [...builtin.filter((name) => names.has(name)), ...others].map((name) => ({
    name,
    versions: [...byVersion]
      .filter(([key]) => key.slice(0, key.lastIndexOf("/")) === name)
      .map(([key, handlers]) => ({
        version: key.slice(key.lastIndexOf("/") + 1),
        handlers: builtin.includes(name)
          ? [...handlers].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))
          : handlers,
      }))
      .sort((a, b) => (builtin.includes(name) ? 0 : compareVersions(a.version, b.version))),
  }));
}

const pathOf = ({ resource, subresource }: ResourceHandler): string =>
  subresource === "" ? resource.resource : `${resource.resource}/${subresource}`;

function groupFields(group: ServedGroup): object {
  const versions = group.versions.map(({ version }) => ({
    groupVersion: `${group.name}/${version}`,
    version,
  }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

function resourceFields(handler: ResourceHandler, group: string, version: string): object {
  const info = handler.subresource === "" ? handler.info : undefined;
  const { kind } = handler;
  const sameVersion = kind.group === group && kind.version === version;
  return {
    name: pathOf(handler),
    singularName: info?.singular ?? "",
    namespaced: handler.namespaced,
    ...(sameVersion ? {} : { group: kind.group, version: kind.version }),
    kind: kind.kind,
    verbs: namedVerbs(handler),
    ...(info === undefined || info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
    ...(info === undefined || info.categories.length === 0 ? {} : { categories: info.categories }),
    // What is only computed is stored in no version.
    ...(handler.verbs.includes("watch")
      ? { storageVersionHash: storageVersionHash(kind, info?.storedVersion) }
      : {}),
  };
}

/** Verbs that make or change objects. */
const writing: ReadonlySet<Verb> = new Set(["create", "patch", "update"]);

function namedVerbs({ verbs, subresource, strategy }: ResourceHandler): readonly Verb[] {
  const isLeaving = subresource === "" && strategy.leaving?.() === true;
  return isLeaving ? verbs.filter((verb) => !writing.has(verb)) : verbs;
}

/** Kinds of which upstream tells another group and version than the one they are asked for in. */
const toldAs: Readonly<Record<string, string>> = {
  "autoscaling/HorizontalPodAutoscaler": "autoscaling/v2",
  "events.k8s.io/Event": "/v1",
  "storage.k8s.io/VolumeAttributesClass": "storage.k8s.io/v1beta1",
  "apiextensions.k8s.io/CustomResourceDefinition": "apiextensions.k8s.io/v1beta1",
};

/** Changes when objects are stored in another version: the first 8 bytes of SHA-256 of group, version and kind. */
function storageVersionHash({ group, version, kind }: GroupVersionKind, stored = version): string {
  const told = toldAs[`${group}/${kind}`] ?? `${group}/${stored}`;
  return createHash("sha256").update(`${told}/${kind}`).digest().subarray(0, 8).toString("base64");
}

interface AggregatedDocuments {
  readonly v2: Reply;
  readonly v2beta1: Reply;
}

/** Undefined: the client wants the plain document. */
function wantedAggregate(context: ApiContext, documents: AggregatedDocuments): Reply | undefined {
  for (const { type, parameters } of acceptedTypes(context.req.headers.accept ?? "")) {
    if (parameters.get("as") !== "APIGroupDiscoveryList" || parameters.get("g") !== "apidiscovery.k8s.io") {
      if (type === "application/json" || type === "*/*") return undefined;
      continue;
    }
    const version = parameters.get("v");
    if (type !== "application/json" || (version !== "v2" && version !== "v2beta1")) continue;
    const document = documents[version];
    return context.req.headers["if-none-match"] === document.headers["etag"]
      ? { status: 304, headers: document.headers, body: "" }
      : document;
  }
  return undefined;
}

function aggregatedDocuments(groups: readonly ServedGroup[]): AggregatedDocuments {
  const items = groups.map(({ name, versions }) => ({
    metadata: name === "" ? {} : { name },
    versions: versions.map(({ version, handlers, remote }) => ({
      version,
      ...(remote ?? { resources: aggregatedResources(handlers), freshness: "Current" }),
    })),
  }));
  const document = (version: string): Reply => {
    const apiVersion = `apidiscovery.k8s.io/${version}`;
    const list = { kind: "APIGroupDiscoveryList", apiVersion, metadata: {}, items };
    const body = Buffer.from(`${JSON.stringify(list)}\n`);
    const hash = createHash("sha512").update(body).digest("hex").toUpperCase();
    return {
      status: 200,
      headers: {
        "content-type": `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
        etag: `"${hash}"`,
        vary: "Accept",
        "cache-control": "public",
      },
      body,
    };
  };
  return { v2: document("v2"), v2beta1: document("v2beta1") };
}

function aggregatedResources(handlers: readonly ResourceHandler[]): object[] {
  return handlers
    .filter(({ subresource }) => subresource === "")
    .map((handler) => {
      const { info } = handler;
      const subresources = handlers
        .filter(
          ({ resource, subresource }) =>
            subresource !== "" && resource.resource === handler.resource.resource,
        )
        .map(({ subresource, kind, verbs }) => ({
          subresource,
          responseKind: responseKind(kind, handler),
          verbs,
        }));
      return {
        resource: handler.resource.resource,
        responseKind: responseKind(handler.kind, handler),
        scope: handler.namespaced ? "Namespaced" : "Cluster",
        singularResource: info.singular,
        verbs: namedVerbs(handler),
        ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
        ...(info.categories.length === 0 ? {} : { categories: info.categories }),
        ...(subresources.length === 0 ? {} : { subresources }),
      };
    });
}

/** Group and version are left out where they are the resource's own, unless the kind is a custom one. */
function responseKind(
  { group, version, kind }: GroupVersionKind,
  { resource, info }: ResourceHandler,
): GroupVersionKind {
  const isOwn = group === resource.group && version === resource.version;
  return isOwn && info.published === undefined ? { group: "", version: "", kind } : { group, version, kind };
}
