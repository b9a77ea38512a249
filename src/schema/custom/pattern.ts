import type { RE2JS } from "re2js";

/**
 * Regular expressions of schemas, in RE2's syntax as upstream reads them. Whoever may make a CRD chooses the expression and whoever may make an
 * object the text, so matching has to end in linear time: Node's own engine backtracks.
 */
export interface Pattern {
  /** Somewhere in the text. */
  matches(text: string): boolean;
}

let engine: typeof RE2JS | undefined;

/** Loads the engine, which only servers with CRDs need; to be awaited before `compilePattern`. */
export async function loadPatterns(): Promise<void> {
  engine ??= (await import("re2js")).RE2JS;
}

/** @throws PatternError with Go's words */
export function compilePattern(text: string): Pattern {
  if (engine === undefined) throw new Error("loadPatterns was not awaited");
  try {
    const compiled = engine.compile(text);
    return { matches: (candidate) => compiled.matcher(candidate).find() };
  } catch (error) {
    throw new PatternError((error as Error).message);
  }
}

export class PatternError extends Error {
  override readonly name = "PatternError";
}
