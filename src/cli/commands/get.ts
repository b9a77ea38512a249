import { dump } from "js-yaml";
import type { KubeList, KubeObject } from "../../apimachinery/index.ts";
import { type ConnectionOptions, connect, type Session } from "../connection.ts";
import { discover, fetchJson, findResource, pathOf, type ServedResource, splitNames } from "../resources.ts";
import { renderTable, type Table, tableMediaType } from "../table.ts";

export interface GetOptions extends ConnectionOptions {
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly output: string;
}

const formats = ["table", "wide", "json", "yaml", "name"];

export async function get(
  resourceArgument: string,
  nameArguments: string[],
  options: GetOptions,
): Promise<void> {
  if (!formats.includes(options.output))
    throw new Error(`unknown output format "${options.output}": one of ${formats.join(", ")}`);
  const session = await connect(options);
  try {
    const served = await discover(session.transport);
    const { resource: word, names } = splitNames(resourceArgument, nameArguments);
    for (const [position, one] of word.split(",").entries()) {
      if (position > 0) process.stdout.write("\n");
      await print(session, findResource(served, one), names, options);
    }
  } finally {
    await session.close();
  }
}

async function print(
  session: Session,
  resource: ServedResource,
  names: string[],
  options: GetOptions,
): Promise<void> {
  const namespace = options.allNamespaces ? undefined : session.namespace;
  const query = options.selector ? `?labelSelector=${encodeURIComponent(options.selector)}` : "";
  const paths =
    names.length > 0
      ? names.map((name) => pathOf(resource, namespace, name))
      : [pathOf(resource, namespace) + query];
  if (options.output === "table" || options.output === "wide") {
    const tables = await Promise.all(
      paths.map((path) => fetchJson<Table>(session.transport, path, tableMediaType)),
    );
    const table = {
      columnDefinitions: tables[0]?.columnDefinitions ?? [],
      rows: tables.flatMap(({ rows }) => rows),
    };
    if (table.rows.length === 0) {
      const where = resource.namespaced && namespace !== undefined ? ` in ${namespace} namespace` : "";
      process.stderr.write(`No resources found${where}.\n`);
      return;
    }
    const namespaces = options.allNamespaces === true && resource.namespaced;
    process.stdout.write(
      `${renderTable(table, { wide: options.output === "wide", namespaces }).join("\n")}\n`,
    );
    return;
  }
  const answers = await Promise.all(
    paths.map((path) => fetchJson<KubeObject | KubeList>(session.transport, path)),
  );
  const answer =
    answers.length === 1 ? answers[0] : { apiVersion: "v1", kind: "List", metadata: {}, items: answers };
  if (options.output === "json") process.stdout.write(`${JSON.stringify(answer, null, 4)}\n`);
  else if (options.output === "yaml") process.stdout.write(dump(answer, { noRefs: true }));
  else {
    const objects = answers.flatMap((one) =>
      names.length > 0 ? [one as KubeObject] : (one as KubeList).items,
    );
    const suffix = resource.group === "" ? "" : `.${resource.group}`;
    for (const { metadata } of objects)
      process.stdout.write(`${resource.singular}${suffix}/${metadata.name}\n`);
  }
}
