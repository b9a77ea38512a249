import { deepEqual, type FieldError, field } from "../../../apimachinery/index.ts";
import { validatePod } from "./pod-rules.ts";
import { qosClassOf } from "./resources.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "./types.ts";

/** What stays of an update by `resize`: what containers ask for and are limited to, and how they take it. */
export function resizedSpec(next: PodSpec, old: PodSpec): PodSpec {
  const containers = next.containers ?? [];
  const initContainers = next.initContainers ?? [];
  // Whoever adds or removes containers is told so, of what was sent.
  if (containers.length !== (old.containers?.length ?? 0)) return next;
  if (initContainers.length !== (old.initContainers?.length ?? 0)) return next;
  const spec = { ...old, containers: resizedContainers(containers, old.containers ?? []) };
  if (old.initContainers !== undefined)
    spec.initContainers = resizedContainers(initContainers, old.initContainers);
  return spec;
}

function resizedContainers(next: Container[], old: readonly Container[]): Container[] {
  if (next.some(({ name }, i) => name !== old[i]?.name)) return next;
  return old.map((container, i) => {
    const { resources: _, resizePolicy: __, ...kept } = container;
    const { resources, resizePolicy } = next[i] as Container;
    return {
      ...kept,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    };
  });
}

const mirrorAnnotation = "kubernetes.io/config.mirror";

/** How Go shows a path without a name. */
const noField = "[]";

/** Upstream's ValidatePodResize. */
export function validateResize(next: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined)
    return [field.forbidden(noField, "static pods cannot be resized")];
  if (old.spec["os"]?.name === "windows") return [field.forbidden(noField, "windows pods cannot be resized")];
  const errors = validatePod(next);
  const before = old.status?.qosClass || qosClassOf(old.spec);
  if (qosClassOf(next.spec) !== before) {
    errors.push(field.invalid("spec", before, "Pod QOS Class may not change as a result of resizing"));
  }
  if (!runsWhereResizable(old))
    errors.push(field.forbidden("spec", "Pod running on node without support for resize"));
  if (asksAsPod(old.spec) || asksAsPod(next.spec)) {
    const gate = "InPlacePodLevelResourcesVerticalScalingEnabled feature gate is disabled";
    errors.push(
      field.forbidden(noField, `resize of pods with pod-level resources is forbidden when ${gate}`),
    );
    return errors;
  }
  const moved = [
    ...moves(next.spec, old.spec, "containers"),
    ...moves(next.spec, old.spec, "initContainers"),
  ];
  if (moved.length > 0) return [...errors, ...moved];
  errors.push(...removals(next.spec, old.spec, "initContainers"));
  errors.push(...removals(next.spec, old.spec, "containers"));
  errors.push(...otherChanges(next.spec, old.spec));
  return errors;
}

/** A node that can resize says of running containers what they have. Where none runs nobody knows yet. */
function runsWhereResizable({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  return running === undefined || running["resources"] !== undefined;
}

const asksAsPod = ({ resources = {} }: PodSpec): boolean =>
  Object.keys(resources.requests ?? {}).length + Object.keys(resources.limits ?? {}).length > 0;

type ContainerList = "containers" | "initContainers";

function moves(next: PodSpec, old: PodSpec, list: ContainerList): FieldError[] {
  const before = old[list] ?? [];
  const after = next[list] ?? [];
  if (after.length !== before.length)
    return [field.forbidden(`spec.${list}`, `${list} may not be added or removed on resize`)];
  return before.flatMap(({ name }, i) =>
    after[i]?.name === name
      ? []
      : [field.forbidden(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`)],
  );
}

const runsBeside = ({ restartPolicy }: Container): boolean => restartPolicy === "Always";

function removals(next: PodSpec, old: PodSpec, list: ContainerList): FieldError[] {
  return (old[list] ?? []).flatMap((container, i) => {
    if (list === "initContainers" && !runsBeside(container)) return [];
    const after = next[list]?.[i]?.resources;
    return (["requests", "limits"] as const)
      .filter((part) => lost(after?.[part], container.resources?.[part]))
      .map((part) =>
        field.forbidden(`spec.${list}[${i}].resources.${part}`, `resource ${part} cannot be removed`),
      );
  });
}

const lost = (after: Record<string, string> = {}, before: Record<string, string> = {}): boolean =>
  Object.keys(before).some((name) => after[name] === undefined);

function otherChanges(next: PodSpec, old: PodSpec): FieldError[] {
  const isSame = (container: Container, before: Container | undefined): boolean =>
    before !== undefined && deepEqual(settled(withRequestsOf(container, before)), settled(before));
  const errors: FieldError[] = [];
  for (const [i, container] of (next.containers ?? []).entries()) {
    if (!isSame(container, old.containers?.[i]))
      errors.push(field.forbidden("spec", "only cpu and memory resources are mutable"));
  }
  for (const [i, container] of (next.initContainers ?? []).entries()) {
    const before = old.initContainers?.[i];
    if (runsBeside(container)) {
      if (!isSame(container, before))
        errors.push(
          field.forbidden("spec", "only cpu and memory resources for sidecar containers are mutable"),
        );
    } else if (before === undefined || !deepEqual(settled(container), settled(before))) {
      errors.push(field.forbidden("spec", "resources for non-sidecar init containers are immutable"));
    }
  }
  return errors;
}

/** The container with as much processor and memory as before. What it claims is no part of a resize. */
function withRequestsOf(container: Container, before: Container): Container {
  const asBefore = (part: "requests" | "limits"): Record<string, string> => {
    const { cpu: _, memory: __, ...others } = container.resources?.[part] ?? {};
    const { cpu, memory } = before.resources?.[part] ?? {};
    return { ...others, ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  };
  return { ...container, resources: { requests: asBefore("requests"), limits: asBefore("limits") } };
}

/** Nothing and empty are the same. */
function settled({ resources, resizePolicy, ...rest }: Container): Container {
  const { requests = {}, limits = {}, claims = [] }: ResourceRequirements = resources ?? {};
  return { ...rest, resources: { requests, limits, claims }, resizePolicy: resizePolicy ?? [] };
}
