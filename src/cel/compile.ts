import { Budget } from "./budget.ts";
import { check } from "./checker.ts";
import { checkConstants } from "./constants.ts";
import type { Environment } from "./environment.ts";
import { type Declared, estimateCost } from "./estimate.ts";
import { checkLiterals } from "./literal-checks.ts";
import { parse } from "./parser.ts";
import { plan, type Step } from "./planner.ts";
import type { CelType } from "./types.ts";
import type { Result, Value } from "./values.ts";

/** An expression that has been checked. */
export interface Program {
  /** The type of its value, as far as the checker knows. */
  readonly type: CelType;
  /** Whether it names this variable. */
  readonly uses: (variable: string) => boolean;
  /** What one evaluation may cost at most, as far as types tell, and the sizes that are declared of variables. */
  costMax(declared: Declared): number;
  /**
   * Its value for these variables, or why it has none. Variables that are not given are errors when they are met.
   * @throws CostExceeded when the budget is spent
   */
  evaluate(variables: Readonly<Record<string, Value | undefined>>, budget?: Budget): Result;
}

/**
 * Compiles an expression: parse, expand macros, check types, plan.
 * @throws CompileError with cel-go's text, InstantiationError
 */
export function compile(source: string, environment: Environment): Program {
  const expression = parse(source, environment);
  const checked = check(source, expression, environment);
  checkLiterals(source, expression, checked);
  checkConstants(expression, checked);
  const { step, locals, variables } = plan(expression, checked, environment);
  return new PlannedProgram({
    type: checked.type,
    step,
    locals,
    variables,
    costMax: (declared) => estimateCost(expression, checked, declared),
  });
}

class PlannedProgram implements Program {
  readonly type: CelType;
  readonly costMax: Program["costMax"];
  readonly #step: Step;
  readonly #locals: number;
  readonly #variables: ReadonlySet<string>;

  constructor(planned: {
    readonly type: CelType;
    readonly step: Step;
    readonly locals: number;
    readonly variables: ReadonlySet<string>;
    readonly costMax: Program["costMax"];
  }) {
    this.type = planned.type;
    this.#step = planned.step;
    this.#locals = planned.locals;
    this.#variables = planned.variables;
    this.costMax = planned.costMax;
  }

  readonly uses = (variable: string): boolean => this.#variables.has(variable);

  evaluate(variables: Readonly<Record<string, Value | undefined>>, budget: Budget = new Budget()): Result {
    return this.#step({ variables, locals: new Array<Result>(this.#locals).fill(null), budget });
  }
}
