import { deepEqual, errors } from "../apimachinery/index.ts";
import { refused } from "./forbidden.ts";
import { concernsPod, type PodSpec } from "./pods.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest } from "./ports.ts";

const runtimeClasses = { group: "node.k8s.io", version: "v1", resource: "runtimeclasses" };

interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
}

/** What a pod's RuntimeClass says of its sandbox: how much it takes, and on which nodes it is. */
export function runtimeClass(reader: AdmissionReader): AdmissionPlugin {
  // biome-ignore lint/suspicious/noExplicitAny: a RuntimeClass; the schema has checked its fields.
  const classOf = async (request: AdmissionRequest): Promise<any> => {
    const name: string | undefined = request.object?.["spec"]?.runtimeClassName;
    if (name === undefined) return undefined;
    // Upstream's client refuses to ask.
    if (name === "") throw errors.plainError("resource name may not be empty");
    const at = { namespace: "", name };
    const found =
      (await reader.get(runtimeClasses, at)) ?? (await reader.get(runtimeClasses, { ...at, fresh: true }));
    if (found === undefined)
      throw refused(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
    return found;
  };
  return {
    name: "RuntimeClass",
    resources: ["pods"],
    async mutate(request) {
      if (!concernsPod(request, { updates: false })) return;
      const found = await classOf(request);
      const spec: PodSpec = request.object?.["spec"];
      if (found?.overhead === undefined) {
        // Without entries it counts as set, and is left out before the object is validated.
        if (spec.overhead !== undefined && holdsNothing(spec.overhead)) throw unfounded(request);
      } else {
        const { podFixed = {} } = found.overhead;
        const asked = spec.overhead ?? {};
        if (!holdsNothing(asked) && !deepEqual(asked, podFixed)) throw other(request);
        if (!holdsNothing(podFixed)) spec.overhead = { ...podFixed };
      }
      if (found !== undefined) schedule(request, spec, found.scheduling ?? {});
    },
    async validate(request) {
      if (!concernsPod(request, { updates: false })) return;
      const found = await classOf(request);
      const { overhead } = request.object?.["spec"] ?? {};
      if (found?.overhead === undefined) {
        if (overhead !== undefined) throw unfounded(request);
      } else if (!deepEqual(overhead ?? {}, found.overhead.podFixed ?? {})) throw other(request);
    },
  };
}

const holdsNothing = (map: object): boolean => Object.keys(map).length === 0;

const other = (request: AdmissionRequest): Error =>
  refused(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");

const unfounded = (request: AdmissionRequest): Error =>
  refused(request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");

function schedule(
  request: AdmissionRequest,
  spec: PodSpec,
  {
    nodeSelector = {},
    tolerations = [],
  }: { nodeSelector?: Record<string, string>; tolerations?: Toleration[] },
): void {
  for (const [key, value] of Object.entries(nodeSelector)) {
    const present = spec.nodeSelector?.[key];
    if (present !== undefined && present !== value) {
      throw refused(
        request,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${present}`,
      );
    }
    spec.nodeSelector = { ...spec.nodeSelector, [key]: value };
  }
  const present: readonly Toleration[] = spec.tolerations ?? [];
  const added = tolerations.filter((each) => !present.some((other) => deepEqual(each, other)));
  if (added.length > 0) spec.tolerations = [...present, ...added];
}
