import type { GroupVersionResource, KubeObject } from "../apimachinery/index.ts";
import { type Registry, type RequestContext, trackFields } from "../registry/index.ts";

/**
 * Changes an object as the server itself, past authorization and admission; nothing where the resource is not served.
 * @throws StatusError
 */
export async function writeAsServer(
  registry: Registry,
  target: GroupVersionResource & { readonly namespace: string; readonly name: string; readonly now: number },
  change: (current: KubeObject | undefined) => KubeObject,
): Promise<void> {
  const handler = registry.resource(target);
  if (handler?.update === undefined) return;
  const context: RequestContext = {
    user: { name: "system:apiserver", groups: ["system:masters"] },
    namespace: target.namespace,
    dryRun: false,
    fieldManager: "kube-apiserver",
    now: target.now,
    warn: () => {},
  };
  const { form, subresource, rules } = handler;
  const next = (current: { readonly object: KubeObject } | undefined): KubeObject => {
    const candidate = change(current?.object);
    trackFields(current?.object, candidate, { form, subresource, rules, context });
    return candidate;
  };
  await handler.update(target.name, next, context, {});
}
