import { type Expression, node } from "./ast.ts";
import type { Value } from "./values.ts";

/** A macro that was called with what it cannot take. */
export class MacroError extends Error {
  override readonly name = "MacroError";
  readonly offset: number | undefined;
  constructor(message: string, offset?: number) {
    super(message);
    this.offset = offset;
  }
}

export interface MacroCall {
  readonly name: string;
  readonly offset: number;
  readonly target: Expression | undefined;
  readonly args: readonly Expression[];
}

/** The accumulator of loops; no expression can name it. */
const accumulator = "@result";

/**
 * The calls that are no functions: they bind variables, so they become loops before anything is checked. Undefined for all others.
 * `bindings`: whether there is `cel.bind(name, value, expression)`.
 * @throws MacroError
 */
export function expandMacro(call: MacroCall, bindings: boolean): Expression | undefined {
  if (call.target === undefined) return call.name === "has" && call.args.length === 1 ? has(call) : undefined;
  if (bindings && isBind(call)) return bind(call);
  const expand = receivers.get(`${call.name}/${call.args.length}`);
  return expand?.(new Builder(call), call.target, call.args);
}

function has({ args }: MacroCall): Expression {
  const [argument] = args as [Expression];
  if (argument.kind !== "select" || argument.isTest) {
    throw new MacroError("invalid argument to has() macro", argument.offset);
  }
  return { ...argument, isTest: true };
}

function isBind({ name, target, args }: MacroCall): boolean {
  return name === "bind" && args.length === 3 && target?.kind === "identifier" && target.name === "cel";
}

function bind(call: MacroCall): Expression {
  const [name, value, inner] = call.args as [Expression, Expression, Expression];
  if (name.kind !== "identifier" || name.name.startsWith("."))
    throw new MacroError("cel.bind() variable names must be simple identifiers", name.offset);
  return new Builder(call).bind(name.name, value, inner);
}

type Expand = (make: Builder, range: Expression, args: readonly Expression[]) => Expression | undefined;

const receivers: ReadonlyMap<string, Expand> = new Map<string, Expand>([
  ["all/2", (make, range, [x, test]) => all(make, range, [x], test)],
  ["all/3", (make, range, [i, x, test]) => all(make, range, [i, x], test)],
  ["exists/2", (make, range, [x, test]) => exists(make, range, [x], test)],
  ["exists/3", (make, range, [i, x, test]) => exists(make, range, [i, x], test)],
  ["exists_one/2", (make, range, [x, test]) => existsOne(make, range, [x], test)],
  ["existsOne/2", (make, range, [x, test]) => existsOne(make, range, [x], test)],
  ["existsOne/3", (make, range, [i, x, test]) => existsOne(make, range, [i, x], test)],
  ["exists_one/3", (make, range, [i, x, test]) => existsOne(make, range, [i, x], test)],
  ["map/2", (make, range, [x, value]) => transformList(make, range, [x], undefined, value)],
  ["map/3", (make, range, [x, test, value]) => transformList(make, range, [x], test, value)],
  ["filter/2", (make, range, [x, test]) => transformList(make, range, [x], test, x)],
  ["transformList/3", (make, range, [i, x, value]) => transformList(make, range, [i, x], undefined, value)],
  ["transformList/4", (make, range, [i, x, test, value]) => transformList(make, range, [i, x], test, value)],
  ["transformMap/3", (make, range, [k, v, value]) => transformMap(make, range, [k, v], undefined, value)],
  ["transformMap/4", (make, range, [k, v, test, value]) => transformMap(make, range, [k, v], test, value)],
  [
    "transformMapEntry/3",
    (make, range, [k, v, entry]) => transformEntry(make, range, [k, v], undefined, entry),
  ],
  [
    "transformMapEntry/4",
    (make, range, [k, v, test, entry]) => transformEntry(make, range, [k, v], test, entry),
  ],
  ["optMap/2", (make, target, [x, value]) => optionalMap(make, target, x, value, "optional.of")],
  ["optFlatMap/2", (make, target, [x, value]) => optionalMap(make, target, x, value, undefined)],
  ["sortBy/2", sortBy],
]);

type Arg = Expression | undefined;

function all(make: Builder, range: Expression, names: readonly Arg[], test: Arg): Expression {
  const result = make.name(accumulator);
  return make.loop(range, make.variables(names), {
    initial: make.literal(true),
    condition: make.call("@not_strictly_false", result),
    step: make.call("_&&_", result, test as Expression),
    result,
  });
}

function exists(make: Builder, range: Expression, names: readonly Arg[], test: Arg): Expression {
  const result = make.name(accumulator);
  return make.loop(range, make.variables(names), {
    initial: make.literal(false),
    condition: make.call("@not_strictly_false", make.call("!_", result)),
    step: make.call("_||_", result, test as Expression),
    result,
  });
}

function existsOne(make: Builder, range: Expression, names: readonly Arg[], test: Arg): Expression {
  const result = make.name(accumulator);
  return make.loop(range, make.variables(names), {
    initial: make.literal(0n),
    condition: make.literal(true),
    step: make.when(test, make.call("_+_", result, make.literal(1n)), result),
    result: make.call("_==_", result, make.literal(1n)),
  });
}

function transformList(
  make: Builder,
  range: Expression,
  names: readonly Arg[],
  test: Arg,
  value: Arg,
): Expression {
  const result = make.name(accumulator);
  return make.loop(range, make.variables(names), {
    initial: make.list(),
    condition: make.literal(true),
    step: make.when(test, make.call("_+_", result, make.list(value as Expression)), result),
    result,
  });
}

function transformMap(
  make: Builder,
  range: Expression,
  names: readonly Arg[],
  test: Arg,
  value: Arg,
): Expression {
  const result = make.name(accumulator);
  const variables = make.variables(names);
  const insert = make.call("cel.@mapInsert", result, make.name(variables[0] as string), value as Expression);
  return make.loop(range, variables, {
    initial: make.map(),
    condition: make.literal(true),
    step: make.when(test, insert, result),
    result,
  });
}

function transformEntry(
  make: Builder,
  range: Expression,
  names: readonly Arg[],
  test: Arg,
  entry: Arg,
): Expression {
  const result = make.name(accumulator);
  return make.loop(range, make.variables(names), {
    initial: make.map(),
    condition: make.literal(true),
    step: make.when(test, make.call("cel.@mapInsert", result, entry as Expression), result),
    result,
  });
}

/** `a.optMap(x, f)`: f of what is in a, none where a is none. */
function optionalMap(
  make: Builder,
  target: Expression,
  name: Arg,
  value: Arg,
  wrap: string | undefined,
): Expression {
  if (name?.kind !== "identifier") {
    throw new MacroError(
      `optMap() variable name must be a simple identifier`.replace(
        "optMap",
        wrap === undefined ? "optFlatMap" : "optMap",
      ),
      name?.offset,
    );
  }
  const bound = make.bind(name.name, make.member(target, "value"), value as Expression);
  return make.when(
    make.member(target, "hasValue"),
    wrap === undefined ? bound : make.call(wrap, bound),
    make.call("optional.none"),
  );
}

function sortBy(make: Builder, target: Expression, [name, key]: readonly Expression[]): Expression {
  if (name?.kind !== "identifier") {
    throw new MacroError("argument must be a simple name", name?.offset);
  }
  const input = "@__sortBy_input__";
  const keys = transformList(make, make.name(input), [name], undefined, key);
  return make.bind(input, target, make.member(make.name(input), "@sortByAssociatedKeys", keys));
}

/** Makes nodes that stand where the macro's call stands. */
class Builder {
  readonly #offset: number;

  constructor({ offset }: MacroCall) {
    this.#offset = offset;
  }

  /** The loop variables; names that are not simple, used twice, or ours are refused. */
  variables(args: readonly Arg[]): string[] {
    const names = args.map((arg) => {
      if (arg?.kind !== "identifier" || arg.name.startsWith(".")) {
        throw new MacroError("argument must be a simple name", arg?.offset);
      }
      if (arg.name === "__result__") {
        throw new MacroError("iteration variable overwrites accumulator variable", arg.offset);
      }
      return arg.name;
    });
    if (names.length === 2 && names[0] === names[1]) {
      throw new MacroError(`duplicate variable name: ${names[1]}`, args[1]?.offset);
    }
    return names;
  }

  literal(value: Value): Expression {
    return node({ kind: "literal", offset: this.#offset, value });
  }

  name(name: string): Expression {
    return node({ kind: "identifier", offset: this.#offset, name });
  }

  call(name: string, ...args: readonly Expression[]): Expression {
    return node({ kind: "call", offset: this.#offset, name, target: undefined, args });
  }

  member(target: Expression, name: string, ...args: readonly Expression[]): Expression {
    return node({ kind: "call", offset: this.#offset, name, target, args });
  }

  list(...elements: readonly Expression[]): Expression {
    return node({
      kind: "list",
      offset: this.#offset,
      elements: elements.map((value) => ({ value, isOptional: false })),
    });
  }

  map(): Expression {
    return node({ kind: "map", offset: this.#offset, entries: [] });
  }

  when(test: Arg, then: Expression, otherwise: Expression): Expression {
    return test === undefined ? then : this.call("_?_:_", test, then, otherwise);
  }

  /** A loop of no rounds, whose accumulator is the variable. */
  bind(name: string, value: Expression, inner: Expression): Expression {
    return node({
      kind: "comprehension",
      offset: this.#offset,
      range: this.list(),
      variable: "#unused",
      variable2: undefined,
      accumulator: name,
      initial: value,
      condition: this.literal(false),
      step: this.name(name),
      result: inner,
    });
  }

  loop(
    range: Expression,
    [variable, variable2]: readonly string[],
    parts: { initial: Expression; condition: Expression; step: Expression; result: Expression },
  ): Expression {
    return node({
      kind: "comprehension",
      offset: this.#offset,
      range,
      variable: variable as string,
      variable2,
      accumulator,
      ...parts,
    });
  }
}
