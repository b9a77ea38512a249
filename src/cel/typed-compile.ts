import { compile, type Program } from "./compile.ts";
import { InstantiationError } from "./constants.ts";
import type { Environment } from "./environment.ts";
import { CompileError } from "./source.ts";
import { type CelType, formatType, sameType } from "./types.ts";

/** Why an expression cannot be used, as a sentence that goes on after a field's name. */
export class UnusableExpression extends Error {
  override readonly name = "UnusableExpression";
}

/**
 * Compiles an expression that must have one of some types; with none given any type will do.
 * @throws UnusableExpression with upstream's words
 */
export function compileTyped(source: string, environment: Environment, wanted: readonly CelType[]): Program {
  let program: Program;
  try {
    program = compile(source, environment);
  } catch (error) {
    if (error instanceof CompileError) throw new UnusableExpression(`compilation failed: ${error.message}`);
    if (!(error instanceof InstantiationError)) throw error;
    throw new UnusableExpression(`program instantiation failed: ${error.message}`);
  }
  if (wanted.length === 0 || wanted.some((type) => sameType(type, program.type))) return program;
  const names = wanted.map(formatType);
  const choice = names.length === 1 ? names[0] : `one of [${names.join(" ")}]`;
  throw new UnusableExpression(`must evaluate to ${choice} but got ${formatType(program.type)}`);
}
