/**
 * Connecting to a pod, node or service is admitted as a write is (upstream's ConnectResource): webhooks and policies see what is asked for
 * as an object, such as PodExecOptions, and may refuse it.
 */
import type { Admission } from "../../admission/index.ts";
import type { KubeObject } from "../../apimachinery/index.ts";
import type { ResourceHandler } from "../../registry/index.ts";
import type { Query } from "../request-info.ts";
import type { ApiContext } from "../state.ts";

/** @throws StatusError in the words of whoever refuses it */
export async function admitConnect(
  context: ApiContext,
  { resource, subresource, kind }: ResourceHandler,
  admission: Admission,
): Promise<void> {
  const { info, user, warnings } = context.state;
  const options = {
    kind: kind.kind,
    apiVersion: kind.version,
    ...optionsOf(subresource, info.query, info.path),
  };
  const request = {
    operation: "CONNECT" as const,
    resource,
    subresource,
    kind,
    namespace: info.namespace,
    name: info.name,
    user,
    dryRun: false,
    // Its kind has no metadata; plugins that are asked about CONNECT look at none.
    object: options as unknown as KubeObject,
    old: undefined,
    warn: (text: string) => warnings.add(text),
  };
  await admission.mutate(request);
  await admission.validate(request);
}

function optionsOf(subresource: string, query: Query, path: string): Record<string, unknown> {
  if (subresource === "proxy") {
    const behind = path.slice(path.search(/\/proxy(\/|$)/) + "/proxy/".length);
    return behind === "" ? {} : { path: behind };
  }
  if (subresource === "portforward") {
    const ports = query
      .all("ports")
      .flatMap((text) => text.split(","))
      .map(Number);
    return ports.length === 0 ? {} : { ports };
  }
  const flags = ["stdin", "stdout", "stderr", "tty"].filter((name) => query.flag(name));
  const container = query.get("container");
  const command = query.all("command");
  return {
    ...Object.fromEntries(flags.map((name) => [name, true])),
    ...(container === "" ? {} : { container }),
    ...(subresource === "exec" && command.length > 0 ? { command } : {}),
  };
}
