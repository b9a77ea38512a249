import type { Json } from "../../apimachinery/index.ts";

/**
 * The JSON paths of printer columns and selectable fields: k8s.io/client-go/util/jsonpath, as far as one path without text around it goes.
 *
 *   .spec.size   .metadata.annotations.example\.com/owner   .spec['size']   .items[0]   .items[-1:]   .items[*].name   ..name
 *   .status.conditions[?(@.type=="Ready")].status
 */
export interface JsonPath {
  /** Everything the path leads to; nothing where a key is missing. */
  find(value: Json): Json[];
}

export class JsonPathError extends Error {
  override readonly name = "JsonPathError";
}

type Step = (values: readonly Json[]) => Json[];

/** Values that a step may lead to, so that `..*` of a large object ends. */
const resultsMax = 100_000;

/** @throws JsonPathError */
export function parseJsonPath(text: string): JsonPath {
  const steps = new Parser(text).parse();
  return {
    find(value) {
      let found: Json[] = [value];
      for (const step of steps) {
        found = step(found);
        if (found.length > resultsMax) found.length = resultsMax;
      }
      return found;
    },
  };
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Step[] {
    const steps: Step[] = [];
    while (this.#at < this.#text.length) {
      if (this.#take("..")) {
        steps.push(descendants);
        if (this.#peek() !== "[") steps.push(this.#name());
      } else if (this.#take(".")) {
        if (this.#at < this.#text.length && this.#peek() !== "[") steps.push(this.#name());
      } else if (this.#peek() === "[") steps.push(this.#brackets());
      else throw new JsonPathError(`unrecognized character in action: ${this.#text.slice(this.#at)}`);
    }
    return steps;
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #name(): Step {
    let name = "";
    while (this.#at < this.#text.length && !".[]{}|, \t\n".includes(this.#peek())) {
      if (this.#take("\\")) {
        name += this.#peek();
        this.#at++;
      } else name += this.#text[this.#at++];
    }
    if (name === "") throw new JsonPathError(`a name is missing in ${this.#text}`);
    return name === "*" ? children : member(name);
  }

  #brackets(): Step {
    const end = this.#closing();
    const inner = this.#text.slice(this.#at + 1, end).trim();
    this.#at = end + 1;
    if (inner === "*") return children;
    if (inner.startsWith("?(") && inner.endsWith(")")) return filter(inner.slice(2, -1));
    const parts = inner.split(/,(?=(?:[^'"]|'[^']*'|"[^"]*")*$)/).map((part) => part.trim());
    const steps = parts.map(subscript);
    return (values) => steps.flatMap((step) => step(values));
  }

  /** Where the bracket that opens here closes; brackets in quotes and in filters do not count. */
  #closing(): number {
    let depth = 0;
    let quote = "";
    for (let i = this.#at; i < this.#text.length; i++) {
      const character = this.#text[i] as string;
      if (quote !== "") {
        if (character === "\\") i++;
        else if (character === quote) quote = "";
      } else if (character === "'" || character === '"') quote = character;
      else if (character === "[") depth++;
      else if (character === "]" && --depth === 0) return i;
    }
    throw new JsonPathError(`unterminated array in ${this.#text}`);
  }
}

function member(name: string): Step {
  return (values) =>
    values.flatMap((value) => (isMap(value) && Object.hasOwn(value, name) ? [value[name] as Json] : []));
}

const children: Step = (values) =>
  values.flatMap((value) => (Array.isArray(value) ? value : isMap(value) ? Object.values(value) : []));

/** The values themselves and all within them. */
const descendants: Step = (values) => {
  const found: Json[] = [];
  const visit = (value: Json): void => {
    if (found.length >= resultsMax) return;
    found.push(value);
    for (const inner of children([value])) visit(inner);
  };
  for (const value of values) visit(value);
  return found;
};

function subscript(text: string): Step {
  const quoted = /^(['"])(.*)\1$/s.exec(text)?.[2];
  if (quoted !== undefined) return member(quoted.replace(/\\(.)/gs, "$1"));
  const slice = /^(-?\d*)(:(-?\d*)(:(-?\d*))?)?$/.exec(text);
  if (slice === null) throw new JsonPathError(`invalid array index ${text}`);
  const [, from = "", colon, to = "", , step = ""] = slice;
  if (colon === undefined) {
    const index = Number(from);
    return (values) => values.flatMap((value) => (Array.isArray(value) ? at(value, index) : []));
  }
  const stride = step === "" ? 1 : Number(step);
  if (stride <= 0) throw new JsonPathError("step must be > 0");
  return (values) =>
    values.flatMap((value) =>
      Array.isArray(value)
        ? value
            .slice(from === "" ? 0 : Number(from), to === "" ? undefined : Number(to))
            .filter((_, index) => index % stride === 0)
        : [],
    );
}

function at(list: readonly Json[], index: number): Json[] {
  const value = list.at(index);
  return value === undefined ? [] : [value];
}

const comparison = /^(.*?)(==|!=|<=|>=|<|>)(.*)$/s;

function filter(text: string): Step {
  const parts = comparison.exec(text);
  const left = operand((parts?.[1] ?? text).trim());
  if (parts === null) {
    return (values) => children(values.filter(Array.isArray)).filter((item) => left(item) !== undefined);
  }
  const operator = parts[2] as string;
  const right = operand((parts[3] as string).trim());
  return (values) =>
    children(values.filter(Array.isArray)).filter((item) => holds(left(item), operator, right(item)));
}

/** A path from the item (`@.type`), or a literal. */
function operand(text: string): (item: Json) => Json | undefined {
  if (text.startsWith("@")) {
    const path = parseJsonPath(text.slice(1));
    return (item) => path.find(item)[0];
  }
  const quoted = /^(['"])(.*)\1$/s.exec(text)?.[2];
  if (quoted !== undefined) return () => quoted;
  if (text === "true" || text === "false") return () => text === "true";
  const number = Number(text);
  if (text === "" || Number.isNaN(number)) throw new JsonPathError(`unrecognized filter operand ${text}`);
  return () => number;
}

function holds(left: Json | undefined, operator: string, right: Json | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  if (operator === "==") return left === right;
  if (operator === "!=") return left !== right;
  if (typeof left !== typeof right || typeof left === "object" || typeof right === "object") return false;
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    default:
      return left >= right;
  }
}

function isMap(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
