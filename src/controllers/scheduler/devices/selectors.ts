/** Whether a device is what an expression asks for. */
import type { Device } from "../../devices/types.ts";

type Cel = typeof import("../../../cel/index.ts");
type Program = import("../../../cel/index.ts").Program;

/** What one evaluation may cost: CELSelectorExpressionMaxCost. */
const costMax = 1_000_000;

/** Programs that are kept. */
const programsMax = 1_000;

export class DeviceSelectors {
  readonly #cel: Cel;
  readonly #programs = new Map<string, Program>();

  constructor(cel: Cel) {
    this.#cel = cel;
  }

  /** @throws Error in upstream's words where the expression cannot be told of the device */
  matches(expression: string, driver: string, device: Device): boolean {
    const { Budget, CostExceeded, deviceValue, Failure } = this.#cel;
    const program = this.#compiled(expression);
    const value = deviceValue({ driver, ...device });
    if (value instanceof Failure) throw new Error(`CEL runtime error: ${value.message}`);
    try {
      const result = program.evaluate({ device: value }, new Budget(costMax));
      if (result instanceof Failure) throw new Error(`CEL runtime error: ${result.message}`);
      if (typeof result !== "boolean") throw new Error("CEL runtime error: the result is no bool");
      return result;
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error;
      throw new Error("CEL runtime error: operation cancelled: actual cost limit exceeded");
    }
  }

  #compiled(expression: string): Program {
    const known = this.#programs.get(expression);
    if (known !== undefined) return known;
    const { compileTyped, deviceType, Environment, UnusableExpression } = this.#cel;
    let program: Program;
    try {
      program = compileTyped(
        expression,
        new Environment({ device: deviceType() }, {}, { bindings: true }),
        [],
      );
    } catch (error) {
      if (!(error instanceof UnusableExpression)) throw error;
      throw new Error(`CEL compile error: ${error.message}`);
    }
    if (this.#programs.size >= programsMax) this.#programs.clear();
    this.#programs.set(expression, program);
    return program;
  }
}
