import { deepEqual, field } from "../../apimachinery/index.ts";
import {
  type CustomResourceDefinition,
  condition,
  type DefinitionCondition,
  type DefinitionNames,
  withCondition,
} from "./types.ts";

interface NewStatus {
  readonly acceptedNames: DefinitionNames;
  readonly conditions: DefinitionCondition[];
}

/**
 * Which of its names a CRD gets, and what its conditions say of it: whoever came first keeps a name within a group. Undefined where nothing
 * is to be changed. apiextensions' naming controller.
 */
export function decideNames(
  definition: CustomResourceDefinition,
  all: Iterable<CustomResourceDefinition>,
  now: string,
): NewStatus | undefined {
  const requested = definition.spec.names;
  const accepted: Partial<DefinitionNames> = definition.status?.acceptedNames ?? {};
  if (deepEqual(requested, accepted)) return undefined;
  const taken = takenNames(definition, all);
  const names: Record<string, unknown> = { ...accepted };
  let conflict: { reason: string; message: string } | undefined;
  const settle = (name: "plural" | "singular" | "kind" | "listKind", used: ReadonlySet<string>): void => {
    const wanted = requested[name] ?? "";
    if (wanted !== (accepted[name] ?? "") && used.has(wanted)) {
      const reason = `${name.charAt(0).toUpperCase()}${name.slice(1)}Conflict`;
      conflict = { reason, message: inUse(wanted) };
    } else names[name] = wanted;
  };
  settle("plural", taken.resources);
  settle("singular", taken.resources);
  const shortNames = requested.shortNames ?? [];
  const clashes = shortNames.filter(
    (name) => !(accepted.shortNames ?? []).includes(name) && taken.resources.has(name),
  );
  if (clashes.length > 0) {
    conflict = { reason: "ShortNamesConflict", message: field.aggregateMessages(clashes.map(inUse)) };
  } else names["shortNames"] = requested.shortNames;
  settle("kind", taken.kinds);
  settle("listKind", taken.kinds);
  names["categories"] = requested.categories;
  const acceptedNames = withoutUndefined(names) as unknown as DefinitionNames;
  const conditions = conditionsOf(definition, conflict, now);
  const before = condition(definition, "NamesAccepted");
  const after = conditions.find(({ type }) => type === "NamesAccepted");
  const isSame =
    before?.status === after?.status &&
    before?.reason === after?.reason &&
    before?.message === after?.message;
  return isSame && deepEqual(accepted, acceptedNames) ? undefined : { acceptedNames, conditions };
}

const inUse = (name: string): string => `${JSON.stringify(name)} is already in use`;

function withoutUndefined(names: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(names).filter(([, value]) => value !== undefined));
}

function conditionsOf(
  definition: CustomResourceDefinition,
  conflict: { reason: string; message: string } | undefined,
  now: string,
): DefinitionCondition[] {
  const present = definition.status?.conditions ?? [];
  const named = withCondition(
    present,
    conflict === undefined
      ? { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" }
      : { type: "NamesAccepted", status: "False", ...conflict },
    now,
  );
  const established = condition(definition, "Established");
  if (established?.status === "True") return named;
  if (conflict !== undefined) {
    if (established !== undefined) return named;
    const message = "not all names are accepted";
    return withCondition(
      named,
      { type: "Established", status: "False", reason: "NotAccepted", message },
      now,
    );
  }
  const message = "the initial names have been accepted";
  return withCondition(named, { type: "Established", status: "False", reason: "Installing", message }, now);
}

/** Names that CRDs of the group have, the definition's own included: those it need not ask for. */
function takenNames(
  { spec }: CustomResourceDefinition,
  all: Iterable<CustomResourceDefinition>,
): { resources: ReadonlySet<string>; kinds: ReadonlySet<string> } {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of all) {
    if (other.spec.group !== spec.group) continue;
    const names = other.status?.acceptedNames;
    if (names === undefined) continue;
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])])
      if (name) resources.add(name);
    for (const name of [names.kind, names.listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}
