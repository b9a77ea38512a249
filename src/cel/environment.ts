import { declare, type FunctionDeclaration } from "./functions.ts";
import { libraries } from "./library/index.ts";
import { type CelType, types } from "./types.ts";

/** The names of types that are values: `type(x) == int`. */
const typeNames: Readonly<Record<string, CelType>> = {
  bool: types.bool,
  bytes: types.bytes,
  double: types.double,
  int: types.int,
  list: types.list(types.dyn),
  map: types.map(types.dyn, types.dyn),
  null_type: types.null,
  string: types.string,
  type: types.type(),
  uint: types.uint,
  optional_type: types.optional(types.dyn),
  "google.protobuf.Duration": types.duration,
  "google.protobuf.Timestamp": types.timestamp,
  "kubernetes.Quantity": types.opaque("kubernetes.Quantity"),
  "kubernetes.Semver": types.opaque("kubernetes.Semver"),
  "kubernetes.URL": types.opaque("kubernetes.URL"),
  "kubernetes.NamedFormat": types.opaque("kubernetes.NamedFormat"),
  "net.IP": types.opaque("net.IP"),
  "net.CIDR": types.opaque("net.CIDR"),
};

/** Declared once: they are the same for every expression. */
const functions = declare(libraries);

/** What an expression may name: variables with their types, and messages that it may make (`Object{…}`). */
export class Environment {
  readonly functions: ReadonlyMap<string, FunctionDeclaration> = functions;
  readonly messages: ReadonlyMap<string, CelType>;
  /** Whether expressions may bind names: `cel.bind(name, value, expression)`. */
  readonly bindings: boolean;
  readonly #variables: ReadonlyMap<string, CelType>;

  constructor(
    variables: Readonly<Record<string, CelType>>,
    messages: Readonly<Record<string, CelType>> = {},
    options: { readonly bindings?: boolean } = {},
  ) {
    this.bindings = options.bindings ?? false;
    this.#variables = new Map(Object.entries(variables));
    this.messages = new Map(Object.entries(messages));
  }

  /** This environment with more variables. */
  extend(variables: Readonly<Record<string, CelType>>): Environment {
    return new Environment(
      { ...Object.fromEntries(this.#variables), ...variables },
      Object.fromEntries(this.messages),
      { bindings: this.bindings },
    );
  }

  /** The type of a variable or, for the name of a type, the type of types. */
  identifierType(name: string): CelType | undefined {
    const bare = name.startsWith(".") ? name.slice(1) : name;
    const variable = this.#variables.get(bare);
    if (variable !== undefined) return variable;
    const named = typeNamed(bare) ?? this.messages.get(bare);
    return named === undefined ? undefined : types.type(named);
  }

  isVariable(name: string): boolean {
    return this.#variables.has(name.startsWith(".") ? name.slice(1) : name);
  }
}

/** The type of a name such as `int`. */
export function typeNamed(name: string): CelType | undefined {
  return Object.hasOwn(typeNames, name) ? typeNames[name] : undefined;
}
