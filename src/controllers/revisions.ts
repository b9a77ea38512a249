/**
 * The templates that a StatefulSet or a DaemonSet has had, kept as ControllerRevisions: the newest has the highest `revision`. Going
 * back to an earlier template finds its revision again instead of making another. pkg/controller/history.
 */
import { deepEqual, type KubeObject, type OwnerReference } from "../apimachinery/index.ts";
import type { Client, Informer } from "../client/index.ts";
import { claim, isConflict, isNotFound } from "./owners.ts";
import { controllerRevisions, inNamespace } from "./resources.ts";

export interface RevisionHistory {
  /** Oldest first. */
  readonly all: readonly KubeObject[];
  /** Of the template as it is now. */
  readonly update: KubeObject;
}

export interface RevisionOptions {
  readonly client: Client;
  readonly revisions: Informer;
  readonly owner: KubeObject;
  readonly reference: OwnerReference;
  /** The owner's selector: a revision that it selects and nobody has is its own. */
  readonly matches: (labels: Record<string, string> | undefined) => boolean;
  /** The owner as the server has it; error 404 when it is gone. */
  readonly freshOwner: () => Promise<KubeObject>;
  /** Hash of the template, in the revision's name. */
  readonly hash: string;
  /** Under which label the revision carries it. */
  readonly hashLabel: string;
  /** The owner's annotations that matter to it; all by default upstream. */
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** What a revision keeps: a patch that puts the template back. Its keys are sorted, as programs compare it byte by byte with their own. */
export function revisionData(template: object): { spec: { template: object } } {
  return { spec: { template: sorted({ $patch: "replace", ...template }) as object } };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** The template of a revision. */
export function templateOf(revision: KubeObject): KubeObject {
  const { $patch: _, ...template } = revision["data"]?.spec?.template ?? {};
  return template as unknown as KubeObject;
}

const byRevision = (a: KubeObject, b: KubeObject): number =>
  (a["revision"] ?? 0) - (b["revision"] ?? 0) ||
  String(a.metadata.creationTimestamp).localeCompare(String(b.metadata.creationTimestamp)) ||
  String(a.metadata.name).localeCompare(String(b.metadata.name));

/** Finds the revision of the present template or makes it; undefined: the name is taken, count a collision and try again. */
export async function currentRevisions(options: RevisionOptions): Promise<RevisionHistory | undefined> {
  const { client, owner, reference, hash, hashLabel } = options;
  const scope = inNamespace(controllerRevisions, owner.metadata.namespace);
  const { revisions: informer, matches, freshOwner } = options;
  const all = await claim({ client, informer, scope, owner, reference, matches, freshOwner });
  all.sort(byRevision);
  const data = revisionData(owner.spec.template);
  const next = (all.at(-1)?.["revision"] ?? 0) + 1;
  const equal = all.filter((revision) => deepEqual(revision["data"], data)).at(-1);
  if (equal !== undefined) {
    if (equal === all.at(-1)) return { all, update: equal };
    const raised = await client.update(scope, { ...equal, revision: next });
    return { all: [...all.filter((revision) => revision !== equal), raised], update: raised };
  }
  const name = `${owner.metadata.name}-${hash}`;
  try {
    const made = await client.create(scope, {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name,
        namespace: owner.metadata.namespace as string,
        labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
        ...(options.annotations === undefined ? {} : { annotations: { ...options.annotations } }),
        ownerReferences: [reference],
      },
      data,
      revision: next,
    });
    return { all: [...all, made], update: made };
  } catch (error) {
    if (!isConflict(error)) throw error;
    const present = await client.get(scope, name);
    const own = present.metadata.ownerReferences?.some(({ uid }) => uid === reference.uid) === true;
    // Made by the round before, which the informer has not shown yet.
    if (own && deepEqual(present["data"], data)) return { all: [...all, present], update: present };
    return undefined;
  }
}

/** Deletes the oldest revisions that nothing uses, beyond the limit. */
export async function truncateRevisions(options: {
  readonly client: Client;
  readonly owner: KubeObject;
  readonly all: readonly KubeObject[];
  readonly inUse: (revision: KubeObject) => boolean;
}): Promise<void> {
  const limit: number = options.owner.spec.revisionHistoryLimit ?? 10;
  const idle = options.all.filter((revision) => !options.inUse(revision));
  if (limit < 0 || idle.length <= limit) return;
  const scope = inNamespace(controllerRevisions, options.owner.metadata.namespace);
  for (const revision of idle.slice(0, idle.length - limit)) {
    try {
      await options.client.delete(scope, revision.metadata.name as string);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
