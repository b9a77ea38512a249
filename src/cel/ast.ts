import type { Value } from "./values.ts";

/** An expression after macros are expanded. `offset` is where an error about it points, as in cel-go. */
export type Expression =
  | Literal
  | Identifier
  | Select
  | Call
  | ListExpression
  | MapExpression
  | StructExpression
  | Comprehension;

interface Node {
  readonly offset: number;
  /** Levels below and including this one. */
  readonly depth: number;
}

interface Literal extends Node {
  readonly kind: "literal";
  readonly value: Value;
}

interface Identifier extends Node {
  readonly kind: "identifier";
  readonly name: string;
}

export interface Select extends Node {
  readonly kind: "select";
  readonly operand: Expression;
  readonly field: string;
  /** `has(a.b)`: whether it is there. */
  readonly isTest: boolean;
}

export interface Call extends Node {
  readonly kind: "call";
  /** Operators have cel-go's names: `_+_`, `!_`, `_?_:_`. */
  readonly name: string;
  readonly target: Expression | undefined;
  readonly args: readonly Expression[];
}

export interface ListExpression extends Node {
  readonly kind: "list";
  readonly elements: readonly { readonly value: Expression; readonly isOptional: boolean }[];
}

export interface MapExpression extends Node {
  readonly kind: "map";
  readonly entries: readonly {
    readonly key: Expression;
    readonly value: Expression;
    readonly isOptional: boolean;
  }[];
}

export interface StructExpression extends Node {
  readonly kind: "struct";
  readonly name: string;
  readonly fields: readonly {
    readonly name: string;
    readonly value: Expression;
    readonly isOptional: boolean;
    readonly offset: number;
  }[];
}

/**
 * A loop over a list or a map: what all macros become. `result` sees the accumulator; the loop runs while `condition` holds.
 */
export interface Comprehension extends Node {
  readonly kind: "comprehension";
  readonly range: Expression;
  readonly variable: string;
  readonly variable2: string | undefined;
  readonly accumulator: string;
  readonly initial: Expression;
  readonly condition: Expression;
  readonly step: Expression;
  readonly result: Expression;
}

type Bare<T> = T extends Expression ? Omit<T, "depth"> : never;

/** Adds the depth. */
export function node<T extends Expression>(bare: Bare<T>): T {
  let depth = 0;
  for (const child of childrenOf(bare as Expression)) depth = Math.max(depth, child.depth);
  return { ...bare, depth: depth + 1 } as unknown as T;
}

/** The parts of an expression, in reading order. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "literal":
    case "identifier":
      return [];
    case "select":
      return [expression.operand];
    case "call":
      return expression.target === undefined ? expression.args : [expression.target, ...expression.args];
    case "list":
      return expression.elements.map(({ value }) => value);
    case "map":
      return expression.entries.flatMap(({ key, value }) => [key, value]);
    case "struct":
      return expression.fields.map(({ value }) => value);
    case "comprehension":
      return [expression.range, expression.initial, expression.condition, expression.step, expression.result];
  }
}
