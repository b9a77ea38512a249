import { RE2JS } from "re2js";
import type { Library } from "../functions.ts";
import { patternCharactersMax, patternsKeptMax } from "../limits.ts";
import { ArrayList, Failure, fail, type Result } from "../values.ts";

/** Least recently used first. Patterns are nearly always literals, met again with every object. */
const kept = new Map<string, RE2JS>();

/** A regular expression of RE2's syntax: matching takes time linear in the text. */
export function compilePattern(pattern: string): RE2JS | Failure {
  const found = kept.get(pattern);
  if (found !== undefined) {
    kept.delete(pattern);
    kept.set(pattern, found);
    return found;
  }
  if (pattern.length > patternCharactersMax) return fail("error parsing regexp: expression too large");
  try {
    const compiled = RE2JS.compile(pattern);
    if (kept.size >= patternsKeptMax) kept.delete(kept.keys().next().value as string);
    kept.set(pattern, compiled);
    return compiled;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Go names the part that is wrong, even where that is nothing.
    return fail(message.endsWith("end of expression") ? `${message}: \`\`` : message);
  }
}

function matches(text: string, pattern: string): Result {
  const compiled = compilePattern(pattern);
  return compiled instanceof Failure ? compiled : compiled.matcher(text).find();
}

function find(text: string, pattern: string): Result {
  const compiled = compilePattern(pattern);
  if (compiled instanceof Failure) return fail(`Illegal regex: ${compiled.message}`);
  const matcher = compiled.matcher(text);
  return matcher.find() ? (matcher.group() ?? "") : "";
}

function findAll(text: string, pattern: string, limit = -1n): Result {
  const compiled = compilePattern(pattern);
  if (compiled instanceof Failure) return fail(`Illegal regex: ${compiled.message}`);
  const matcher = compiled.matcher(text);
  const found: string[] = [];
  while ((limit < 0n || BigInt(found.length) < limit) && matcher.find()) found.push(matcher.group() ?? "");
  return new ArrayList(found);
}

export const regexLibrary: Library = {
  matches: { "(string, string) -> bool": matches, "string.(string) -> bool": matches },
  find: { "string.(string) -> string": find },
  findAll: { "string.(string) -> list(string)": findAll, "string.(string, int) -> list(string)": findAll },
};
