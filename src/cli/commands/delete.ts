import { StatusError } from "../../apimachinery/index.ts";
import { type ConnectionOptions, connect, type Session } from "../connection.ts";
import { readManifests } from "../manifests.ts";
import { discover, findKind, findResource, type ServedResource, splitNames } from "../resources.ts";

export interface DeleteOptions extends ConnectionOptions {
  readonly filename?: string[];
  readonly wait: boolean;
}

interface Target {
  readonly resource: ServedResource;
  readonly namespace: string;
  readonly name: string;
}

export async function remove(
  resourceArgument: string | undefined,
  nameArguments: string[],
  options: DeleteOptions,
): Promise<void> {
  const session = await connect(options);
  let failures = 0;
  try {
    for (const target of await targets(session, resourceArgument, nameArguments, options)) {
      const { resource, name } = target;
      try {
        await removeOne(session, target, options.wait);
        process.stdout.write(
          `${resource.singular}${resource.group === "" ? "" : `.${resource.group}`} "${name}" deleted\n`,
        );
      } catch (error) {
        failures++;
        process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  } finally {
    await session.close();
  }
  if (failures > 0) process.exitCode = 1;
}

async function targets(
  session: Session,
  word: string | undefined,
  names: string[],
  options: DeleteOptions,
): Promise<Target[]> {
  const served = await discover(session.transport);
  if (options.filename !== undefined) {
    return (await readManifests(session.platform, options.filename)).map(({ object, place }) => {
      const { name, namespace } = object.metadata;
      if (name === undefined) throw new Error(`${place}: metadata.name is not set`);
      return {
        resource: findKind(served, object.apiVersion, object.kind),
        namespace: namespace ?? session.namespace,
        name,
      };
    });
  }
  if (word === undefined) throw new Error("say what: raftsman delete deployment/web, or -f FILE");
  const split = splitNames(word, names);
  if (split.names.length === 0) throw new Error(`say which: raftsman delete ${split.resource} NAME`);
  const resource = findResource(served, split.resource);
  return split.names.map((name) => ({ resource, namespace: session.namespace, name }));
}

async function removeOne(
  session: Session,
  { resource, namespace, name }: Target,
  wait: boolean,
): Promise<void> {
  const scope = resource.namespaced ? { ...resource, namespace } : resource;
  if (!wait) {
    await session.client.delete(scope, name, { propagationPolicy: "Background" });
    return;
  }
  // The watch begins before the delete, so that its end cannot be missed.
  const live = await session.client.get(scope, name);
  const done = new AbortController();
  try {
    const gone = untilGone(
      session,
      scope,
      name,
      live.metadata.resourceVersion ?? "",
      live.metadata.uid ?? "",
      done.signal,
    );
    await session.client.delete(scope, name, { propagationPolicy: "Background" });
    await gone;
  } finally {
    done.abort();
  }
}

async function untilGone(
  session: Session,
  scope: ServedResource & { namespace?: string },
  name: string,
  resourceVersion: string,
  uid: string,
  signal: AbortSignal,
): Promise<void> {
  let from = resourceVersion;
  for (;;) {
    const request = { fieldSelector: `metadata.name=${name}`, resourceVersion: from, signal };
    for await (const event of session.client.watch(scope, request)) {
      if (event.type === "DELETED") return;
      if (event.type === "ERROR") break;
    }
    // The server ends every watch after a while: look, then watch on.
    const live = await session.client.get(scope, name).catch((error: unknown) => {
      if (error instanceof StatusError && error.code === 404) return undefined;
      throw error;
    });
    if (live === undefined || live.metadata.uid !== uid) return;
    from = live.metadata.resourceVersion ?? "";
  }
}
