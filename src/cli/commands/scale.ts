import { type ConnectionOptions, connect } from "../connection.ts";
import { discover, findResource, splitNames } from "../resources.ts";

export async function scale(
  resourceArgument: string,
  nameArgument: string | undefined,
  options: ConnectionOptions & { readonly replicas: number },
): Promise<void> {
  const session = await connect(options);
  try {
    const { resource: word, names } = splitNames(
      resourceArgument,
      nameArgument === undefined ? [] : [nameArgument],
    );
    const name = names[0];
    if (name === undefined) throw new Error("a name is missing: raftsman scale deployment/web --replicas 3");
    const resource = findResource(await discover(session.transport), word);
    if (!resource.subresources.includes("scale"))
      throw new Error(`${resource.resource} cannot be scaled: it has no scale subresource`);
    const scope = { ...resource, namespace: session.namespace };
    await session.client.patch(scope, name, {
      type: "merge",
      subresource: "scale",
      body: { spec: { replicas: options.replicas } },
    });
    process.stdout.write(
      `${resource.singular}${resource.group === "" ? "" : `.${resource.group}`}/${name} scaled\n`,
    );
  } finally {
    await session.close();
  }
}
