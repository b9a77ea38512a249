import { StatusError } from "../../apimachinery/index.ts";
import { type ConnectionOptions, connect, type Session } from "../connection.ts";
import { checkManifests } from "../manifest-check.ts";
import { type Manifest, readManifests } from "../manifests.ts";
import { discover, findKind, type ServedResource } from "../resources.ts";

type Outcome = "created" | "configured" | "unchanged";

export interface ApplyOptions extends ConnectionOptions {
  readonly filename: string[];
  readonly validate: boolean;
}

export async function apply(options: ApplyOptions): Promise<void> {
  const session = await connect(options);
  let failures = 0;
  try {
    const manifests = await readManifests(session.platform, options.filename);
    if (options.validate) {
      const problems = await checkManifests(session.transport, manifests);
      if (problems.length > 0) throw new Error(`nothing was applied:\n  ${problems.join("\n  ")}`);
    }
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

/** Server-side apply: the server merges, with each field's owner in mind, and gives up fields that the manifest no longer has. */
async function applyOne(session: Session, resource: ServedResource, { object }: Manifest): Promise<Outcome> {
  const namespace = resource.namespaced ? (object.metadata.namespace ?? session.namespace) : undefined;
  const scope = namespace === undefined ? resource : { ...resource, namespace };
  const { name } = object.metadata;
  if (name === undefined) {
    await session.client.create(scope, object);
    return "created";
  }
  const before = await session.client.get(scope, name).catch((error: unknown) => {
    if (error instanceof StatusError && error.code === 404) return undefined;
    throw error;
  });
  // The person at the keyboard means what the manifest says, whoever set it before.
  const after = await session.client.patch(scope, name, {
    type: "apply",
    body: object,
    fieldManager: "raftsman",
    force: true,
  });
  if (before === undefined) return "created";
  return after.metadata.resourceVersion === before.metadata.resourceVersion ? "unchanged" : "configured";
}
