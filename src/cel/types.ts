/**
 * Types that expressions are checked against. `dyn` fits everything and is looked at when the expression runs.
 */
export interface CelType {
  readonly kind: TypeKind;
  /** The name of an opaque type, a message, a type parameter; of others the kind. */
  readonly name: string;
  readonly params: readonly CelType[];
  /** Of a message: its fields by the names that expressions use, made when first asked for. */
  readonly fields?: () => ReadonlyMap<string, CelField>;
  /** A list of JSON whose order or repetition does not count: `x-kubernetes-list-type`. */
  readonly list?: { readonly type: "set" } | { readonly type: "map"; readonly keys: readonly string[] };
  /** Elements, characters or bytes at most, where a schema says so: bounds the cost. */
  readonly sizeMax?: number;
  /** Bytes of JSON that a value takes at least, where a schema says so. */
  readonly bytesMin?: number;
}

export interface CelField {
  readonly type: CelType;
  /** The name in JSON, which need not be an identifier. */
  readonly property: string;
}

type TypeKind =
  | "dyn"
  | "error"
  | "null"
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "timestamp"
  | "duration"
  | "list"
  | "map"
  | "type"
  | "param"
  | "opaque"
  | "message";

const simple = (kind: TypeKind, name: string = kind): CelType => ({ kind, name, params: [] });

export const types = {
  dyn: simple("dyn"),
  error: simple("error", "*error*"),
  null: simple("null", "null_type"),
  bool: simple("bool"),
  int: simple("int"),
  uint: simple("uint"),
  double: simple("double"),
  string: simple("string"),
  bytes: simple("bytes"),
  timestamp: simple("timestamp", "google.protobuf.Timestamp"),
  duration: simple("duration", "google.protobuf.Duration"),
  list: (element: CelType): CelType => ({ kind: "list", name: "list", params: [element] }),
  map: (key: CelType, value: CelType): CelType => ({ kind: "map", name: "map", params: [key, value] }),
  type: (of?: CelType): CelType => ({ kind: "type", name: "type", params: of === undefined ? [] : [of] }),
  optional: (of: CelType): CelType => ({ kind: "opaque", name: "optional_type", params: [of] }),
  opaque: (name: string): CelType => ({ kind: "opaque", name, params: [] }),
  param: (name: string): CelType => ({ kind: "param", name, params: [] }),
  /** A message: `fields` by name. */
  message: (name: string, fields: Readonly<Record<string, CelType>>): CelType => ({
    kind: "message",
    name,
    params: [],
    fields: () =>
      new Map(Object.entries(fields).map(([property, type]) => [property, { type, property }] as const)),
  }),
} as const;

/** As Type.String() of cel-go has it: `list(int)`, `google.protobuf.Timestamp`, `null_type`. */
export function formatType({ name, params }: CelType): string {
  return params.length === 0 ? name : `${name}(${params.map(formatType).join(", ")})`;
}

/** As the checker's errors have it: `timestamp`, `null`, `!error!`. */
export function describeType(type: CelType): string {
  switch (type.kind) {
    case "duration":
    case "timestamp":
    case "null":
      return type.kind;
    case "error":
      return "!error!";
    default:
      return type.params.length === 0
        ? type.name
        : `${type.name}(${type.params.map(describeType).join(", ")})`;
  }
}

export function isDyn(type: CelType): boolean {
  return type.kind === "dyn" || type.kind === "error";
}

/** What is in an optional type; undefined for all others. */
export function unwrapOptional(type: CelType): CelType | undefined {
  return type.kind === "opaque" && type.name === "optional_type" ? type.params[0] : undefined;
}

export function sameType(a: CelType, b: CelType): boolean {
  return (
    a === b ||
    (a.kind === b.kind &&
      a.name === b.name &&
      a.params.length === b.params.length &&
      a.params.every((param, index) => sameType(param, b.params[index] as CelType)))
  );
}
