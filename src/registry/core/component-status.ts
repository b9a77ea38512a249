import { errors, type GroupVersionResource, type KubeObject } from "../../apimachinery/index.ts";
import { assert } from "../../base/index.ts";
import { formOfKind, resourceInfo } from "../../schema/index.ts";
import type { Stored, StoredList } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import type { ComponentHealth, ListQuery, ResourceHandler, Verb } from "../ports.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";
import { nameOf } from "../tables/cells.ts";
import { transientObject } from "../transient.ts";

const resource: GroupVersionResource = { group: "", version: "v1", resource: "componentstatuses" };

interface ComponentCondition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
  readonly error?: string;
}

/** How the parts of this member are: looked at when somebody asks, stored nowhere. */
export class ComponentStatusStore implements ResourceHandler {
  readonly resource = resource;
  readonly info = infoOf(resource);
  readonly subresource = "";
  readonly form = formOfKind({ group: "", version: "v1", kind: "ComponentStatus" });
  readonly kind = this.form.kind;
  readonly namespaced = false;
  readonly verbs: readonly Verb[] = ["get", "list"];
  readonly rules: UpdateRules = {};
  readonly strategy: Strategy = {
    namespaced: false,
    deprecation: "v1 ComponentStatus is deprecated in v1.19+",
    tableRow: (object) => {
      const conditions = (object["conditions"] ?? []) as ComponentCondition[];
      const healthy = conditions.find(({ type }) => type === "Healthy");
      const status = healthy === undefined ? "Unknown" : healthy.status === "True" ? "Healthy" : "Unhealthy";
      return [nameOf(object), status, healthy?.message ?? "", healthy?.error ?? ""];
    },
  };
  readonly #look: () => readonly ComponentHealth[];

  constructor(look: () => readonly ComponentHealth[]) {
    this.#look = look;
  }

  async get(name: string): Promise<Stored> {
    const found = this.#look().find((component) => component.name === name);
    // Upstream names the kind in the singular here.
    if (found === undefined) throw errors.notFound({ group: "", resource: "componentstatus" }, name);
    return stored(found);
  }

  async list({ predicate }: ListQuery, _context: RequestContext): Promise<StoredList> {
    const items = this.#look()
      .map(stored)
      .filter(({ object }) => predicate.matches(object));
    return { items, resourceVersion: "", continue: "", remainingItemCount: undefined };
  }
}

function infoOf(of: GroupVersionResource) {
  const info = resourceInfo(of);
  assert(info !== undefined, `no schema for ${of.resource}`);
  return info;
}

function stored({ name, problem }: ComponentHealth): Stored {
  const condition: ComponentCondition =
    problem === undefined
      ? { type: "Healthy", status: "True", message: "ok" }
      : { type: "Healthy", status: "False", message: problem };
  const object: KubeObject = {
    kind: "ComponentStatus",
    apiVersion: "v1",
    metadata: { name },
    conditions: [condition],
  };
  return transientObject(name, object);
}
