import { AssertionError } from "../../base/index.ts";

/** schemas/kubernetes/protobuf.json: by message its fields as `id|name|type|flags|json`. */
export type KubernetesTable = Readonly<Record<string, readonly string[]>>;

export type Scalar = "string" | "bytes" | "bool" | "int32" | "int64" | "double";

/** One field, ready to be walked. */
export interface FieldPlan {
  readonly id: number;
  readonly tag: number;
  /** The name in JSON. */
  readonly json: string;
  readonly shape: "one" | "list" | "map";
  readonly scalar: Scalar | undefined;
  /** Of the message type, when there is no scalar. */
  readonly type: string;
  /** May be missing; others are written even when they are zero, as gogo-proto does. */
  readonly pointer: boolean;
  /** Left out of JSON when zero. */
  readonly omitEmpty: boolean;
  /** In JSON its fields stand in the message around it. */
  readonly inline: boolean;
}

export interface MessagePlan {
  readonly name: string;
  /** Ascending by id. */
  readonly fields: readonly FieldPlan[];
  readonly byId: ReadonlyMap<number, FieldPlan>;
  /** In JSON the message is the value of its only field. */
  readonly list: boolean;
}

const scalarTypes: ReadonlySet<string> = new Set(["string", "bytes", "bool", "int32", "int64", "double"]);
const wireTypes: Readonly<Record<Scalar, number>> = {
  string: 2,
  bytes: 2,
  bool: 0,
  int32: 0,
  int64: 0,
  double: 1,
};

/** Plans of messages, made when first asked for: a process meets a few dozen of the 1,238. */
export class Plans {
  readonly #table: KubernetesTable;
  readonly #plans = new Map<string, MessagePlan>();

  constructor(table: KubernetesTable) {
    this.#table = table;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#table, name);
  }

  get(name: string): MessagePlan {
    const known = this.#plans.get(name);
    if (known !== undefined) return known;
    const entries = this.has(name) ? this.#table[name] : undefined;
    if (entries === undefined) throw new AssertionError(`no message ${name} in the Kubernetes table`);
    const fields = entries.map(fieldOf);
    const plan: MessagePlan = {
      name,
      fields,
      byId: new Map(fields.map((field) => [field.id, field])),
      list: entries.length === 1 && entries[0]?.split("|")[3]?.includes("l") === true,
    };
    this.#plans.set(name, plan);
    return plan;
  }
}

function fieldOf(entry: string): FieldPlan {
  const [id = "", name = "", whole = "", flags = "", json = ""] = entry.split("|");
  const shape = whole.startsWith("[]") ? "list" : whole.startsWith("map:") ? "map" : "one";
  const type = whole.replace(/^(\[\]|map:)/, "");
  const scalar = scalarTypes.has(type) ? (type as Scalar) : undefined;
  const wireType = shape !== "map" && scalar !== undefined ? wireTypes[scalar] : 2;
  return {
    id: Number(id),
    tag: (Number(id) << 3) | wireType,
    json: json === "" ? name : json,
    shape,
    scalar,
    type,
    pointer: flags.includes("p"),
    omitEmpty: flags.includes("o"),
    inline: flags.includes("i"),
  };
}

/** Tag of a map entry's value; its key, always text, has tag 10. */
export function mapValueTag(field: FieldPlan): number {
  return (2 << 3) | (field.scalar === undefined ? 2 : wireTypes[field.scalar]);
}
