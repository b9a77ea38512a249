import type { CustomNode } from "../../schema/index.ts";

/** Why a path leads nowhere, in the words of apiextensions' ValidFieldPath. */
export class FieldPathError extends Error {
  override readonly name = "FieldPathError";
}

export interface FoundField {
  /** As errors print it: `spec.ports[http]`. */
  readonly path: string;
  readonly steps: readonly string[];
  readonly node: CustomNode;
}

const escapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/**
 * The field of a schema that a path such as `.spec.size` or `.attrs['a.b']` points to. Only names are allowed, no wildcards or indexes.
 * @throws FieldPathError
 */
export function fieldPathIn(
  text: string,
  root: CustomNode,
  options: { readonly brackets: boolean },
): FoundField {
  const tokens = tokensOf(text);
  let node = root;
  let path = "";
  const steps: string[] = [];
  for (let at = 0; at < tokens.length; ) {
    const token = tokens[at++];
    let name: string;
    if (token === "[") {
      if (!options.brackets) throw new FieldPathError("array notation is not allowed");
      name = quotedName(tokens[at++]);
    } else if (token === ".") {
      const next = tokens[at++];
      if (next === undefined) throw new FieldPathError("unexpected end of JSON path");
      name = next;
    } else {
      throw new FieldPathError(`expected [ or . but got: ${token}`);
    }
    const named = node.properties.size > 0;
    const inner = named ? node.properties.get(name) : node.values;
    if (inner === undefined) throw new FieldPathError("does not refer to a valid field");
    path = named ? (path === "" ? name : `${path}.${name}`) : `${path}[${name}]`;
    steps.push(name);
    node = inner;
    if (token === "[") {
      const end = tokens[at++];
      if (end === undefined) throw new FieldPathError("unexpected end of JSON path");
      if (end !== "]") throw new FieldPathError(`expected ] but got ${end}`);
    }
  }
  return { path, steps, node };
}

/** Delimiters alone, quoted texts whole, and what stands between. */
function tokensOf(text: string): string[] {
  return text.match(/[.[\]]|'(?:[^'\\]|\\.)*'|[^.[\]]+/g) ?? [];
}

function quotedName(token: string | undefined): string {
  if (token === undefined) throw new FieldPathError("unexpected end of JSON path");
  if (token.length < 2 || !token.startsWith("'") || !token.endsWith("'"))
    throw new FieldPathError(`expected single quoted string but got ${token}`);
  return token.slice(1, -1).replace(/\\(.)/g, (_, escaped: string) => {
    const character = escapes[escaped];
    if (character === undefined) throw new FieldPathError("invalid string literal: invalid syntax");
    return character;
  });
}
