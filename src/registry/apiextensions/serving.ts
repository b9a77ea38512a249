import { deepClone, type KubeObject } from "../../apimachinery/index.ts";
import type { Random } from "../../platform/index.ts";
import { type CustomNode, customRoot, pruneDefaults, type ResourceInfo } from "../../schema/index.ts";
import type { Storage } from "../../storage/index.ts";
import type { ResourceHandler, Verb } from "../ports.ts";
import { GenericStore } from "../store.ts";
import { PartialUpdateStore } from "../subresources/partial-update.ts";
import { ScaleStore } from "../subresources/scale.ts";
import { type Convert, convertByName, readStored, type VersionForm, versionForm } from "./conversion.ts";
import { type CheckRules, customStrategy } from "./custom-strategy.ts";
import { printedColumns } from "./printer-columns.ts";
import { publishedKind } from "./published-kind.ts";
import {
  type CustomResourceDefinition,
  type DefinitionNames,
  type DefinitionVersion,
  storageVersion,
} from "./types.ts";
import { compareVersions } from "./version-order.ts";
import { VersionedStorage } from "./versioned-storage.ts";

export interface ServingOptions {
  readonly definition: CustomResourceDefinition;
  /** Of the kind's objects, whatever version they are in. */
  readonly storage: Storage;
  /** Ends in a slash. */
  readonly keyPrefix: string;
  readonly random: Random;
  readonly terminating: () => boolean;
  /** Of a CRD with `strategy: Webhook`. */
  readonly webhook: Convert | undefined;
  /** Makes the checks of x-kubernetes-validations; undefined where a schema has none. */
  readonly rulesOf: (root: CustomNode) => CheckRules | undefined;
}

/** What a CRD makes the server serve. */
export interface ServedKind {
  readonly handlers: readonly ResourceHandler[];
  /** In the version that is stored: for deleting everything when the CRD goes. */
  readonly store: GenericStore;
  /** Ends its watches: clients come back and see the new schema. */
  retire(): void;
}

const verbs: readonly Verb[] = [
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "create",
  "update",
  "watch",
];
const subresourceVerbs: readonly Verb[] = ["get", "patch", "update"];
const scaleKind = { group: "autoscaling", version: "v1", kind: "Scale" };

/** Handlers of every served version of a CRD, over one store. */
export function serve(options: ServingOptions): ServedKind {
  const { definition } = options;
  const { group, versions } = definition.spec;
  const names = definition.status?.acceptedNames?.kind
    ? definition.status.acceptedNames
    : definition.spec.names;
  const forms = new Map<string, VersionForm>();
  for (const { name, schema } of versions) {
    const root = customRoot(schema?.openAPIV3Schema);
    pruneDefaults(root);
    const { kind } = definition.spec.names;
    const form = versionForm({ group, version: name, kind }, names.listKind ?? `${kind}List`, root);
    forms.set(form.apiVersion, form);
  }
  const stored = storageVersion(definition.spec) ?? (versions[0] as DefinitionVersion);
  const storages: VersionedStorage[] = [];
  const storeOf = (version: DefinitionVersion): GenericStore => {
    const form = forms.get(`${group}/${version.name}`) as VersionForm;
    const storage = new VersionedStorage({
      inner: options.storage,
      served: form,
      stored: forms.get(`${group}/${stored.name}`) as VersionForm,
      versions: forms,
      convert,
      asks: options.webhook !== undefined,
    });
    storages.push(storage);
    const printed = printedColumns(version.additionalPrinterColumns);
    const strategy = customStrategy({
      kind: form.form.kind,
      namespaced: definition.spec.scope === "Namespaced",
      resource: names.plural,
      root: form.root,
      hasStatus: version.subresources?.status !== undefined,
      scale: version.subresources?.scale,
      selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath),
      printed,
      deprecation: deprecationOf(version, definition),
      terminating: options.terminating,
      checkRules: options.rulesOf(form.root),
    });
    return new GenericStore({
      info: { ...infoOf(definition, version, names, stored), columns: printed.columns },
      form: form.form,
      strategy,
      storage,
      keyPrefix: options.keyPrefix,
      random: options.random,
      equivalents: () =>
        stores.flatMap((other) => {
          const there = forms.get(other.apiVersion);
          if (there === undefined || there === form) return [];
          return [
            {
              resource: other.resource,
              form: there.form,
              fromHere: (object: KubeObject) => convertBetween(form, there, object),
              toHere: (object: KubeObject) => convertBetween(there, form, object),
            },
          ];
        }),
    });
  };
  const convert = options.webhook ?? convertByName;
  const convertBetween = async (
    from: VersionForm,
    to: VersionForm,
    object: KubeObject,
  ): Promise<KubeObject> => {
    const asked = { ...deepClone(object), apiVersion: from.apiVersion, kind: definition.spec.names.kind };
    return readStored(await convert(asked, to.apiVersion), to);
  };
  const served = versions.filter((version) => version.served).sort((a, b) => compareVersions(a.name, b.name));
  const stores = served.map(storeOf);
  return {
    handlers: stores.flatMap((store, index) => [
      store,
      ...subresourcesOf(store, served[index] as DefinitionVersion),
    ]),
    store: stores.find(({ resource }) => resource.version === stored.name) ?? storeOf(stored),
    retire() {
      for (const storage of storages) storage.endWatches();
    },
  };
}

function subresourcesOf(store: GenericStore, { subresources }: DefinitionVersion): ResourceHandler[] {
  const { status, scale } = store.strategy;
  const handlers: ResourceHandler[] = [];
  if (subresources?.status !== undefined && status !== undefined)
    handlers.push(
      new PartialUpdateStore(store, { subresource: "status", verbs: subresourceVerbs, rules: status }),
    );
  if (scale !== undefined) handlers.push(new ScaleStore(store, { scale, verbs: subresourceVerbs }));
  return handlers;
}

function infoOf(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
  names: DefinitionNames,
  stored: DefinitionVersion,
): ResourceInfo {
  const { group, scope } = definition.spec;
  const kind = { group, version: version.name, kind: definition.spec.names.kind };
  return {
    ...kind,
    resource: names.plural,
    singular: names.singular ?? "",
    namespaced: scope === "Namespaced",
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    subresources: [
      ...(version.subresources?.status === undefined
        ? []
        : [{ name: "status", verbs: subresourceVerbs, kind }]),
      ...(version.subresources?.scale === undefined
        ? []
        : [{ name: "scale", verbs: subresourceVerbs, kind: scaleKind }]),
    ],
    columns: [],
    storedVersion: stored.name,
    storageName: `${group}/${definition.spec.names.plural}`,
    published: publishedKind(definition, version),
  };
}

/** What users of a deprecated version are told: the author's words, or which newer version there is. */
function deprecationOf(version: DefinitionVersion, { spec }: CustomResourceDefinition): string | undefined {
  if (version.deprecated !== true) return undefined;
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const better = spec.versions
    .filter(
      ({ served, deprecated, name }) =>
        served && deprecated !== true && compareVersions(name, version.name) < 0,
    )
    .sort((a, b) => compareVersions(a.name, b.name))[0];
  const head = `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
  return better === undefined ? head : `${head}; use ${spec.group}/${better.name} ${spec.names.kind}`;
}
