import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { type ConnectionOptions, connect, type Session } from "../connection.ts";
import { type Manifest, readManifests } from "../manifests.ts";
import { discover, findKind, type ServedResource } from "../resources.ts";
import { lastAppliedAnnotation, threeWayMergePatch } from "../three-way.ts";

type Outcome = "created" | "configured" | "unchanged";

export async function apply(options: ConnectionOptions & { readonly filename: string[] }): Promise<void> {
  const session = await connect(options);
  let failures = 0;
  try {
    const manifests = await readManifests(session.platform, options.filename);
    const served = await discover(session.transport);
    for (const manifest of manifests) {
      try {
        const resource = findKind(served, manifest.object.apiVersion, manifest.object.kind);
        const outcome = await applyOne(session, resource, manifest);
        const suffix = resource.group === "" ? "" : `.${resource.group}`;
        process.stdout.write(`${resource.singular}${suffix}/${manifest.object.metadata.name} ${outcome}\n`);
      } catch (error) {
        failures++;
        process.stderr.write(
          `error: ${manifest.place}: ${error instanceof Error ? error.message : String(error)}\n`,
        );
      }
    }
  } finally {
    await session.close();
  }
  if (failures > 0) process.exitCode = 1;
}

async function applyOne(session: Session, resource: ServedResource, { object }: Manifest): Promise<Outcome> {
  const namespace = resource.namespaced ? (object.metadata.namespace ?? session.namespace) : undefined;
  const scope = namespace === undefined ? resource : { ...resource, namespace };
  const { name } = object.metadata;
  if (name === undefined) {
    await session.client.create(scope, object);
    return "created";
  }
  const wanted = annotate(object);
  const live = await session.client.get(scope, name).catch((error: unknown) => {
    if (error instanceof StatusError && error.code === 404) return undefined;
    throw error;
  });
  if (live === undefined) {
    await session.client.create(scope, wanted);
    return "created";
  }
  const applied = live.metadata.annotations?.[lastAppliedAnnotation];
  const patch = threeWayMergePatch(applied === undefined ? {} : JSON.parse(applied), wanted, live);
  if (patch === undefined) return "unchanged";
  await session.client.patch(scope, name, { type: "merge", body: patch });
  return "configured";
}

/** The object with itself in its annotation. */
function annotate(object: KubeObject): KubeObject {
  const { [lastAppliedAnnotation]: _, ...annotations } = object.metadata.annotations ?? {};
  const bare = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${JSON.stringify(bare)}\n`;
  return {
    ...bare,
    metadata: { ...bare.metadata, annotations: { ...annotations, [lastAppliedAnnotation]: text } },
  };
}
