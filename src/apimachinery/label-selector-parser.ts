import { fieldErrorText, invalid } from "./field.ts";
import { qualifiedNameErrors } from "./names.ts";
import { type Requirement, SelectorError, type SelectorOperator } from "./requirement.ts";

/**
 * The selector language of k8s.io/apimachinery/pkg/labels:
 *
 *   selector    = requirement { "," requirement }
 *   requirement = [ "!" ] key | key operator value
 *   operator    = "=" | "==" | "!=" | ">" | "<"   with one value, "" where none follows
 *               | "in" | "notin"                  with "(" [ value { "," value } ] ")"
 *
 * "in" and "notin" are identifiers everywhere but after a key.
 */
interface Token {
  readonly kind: "symbol" | "word" | "end" | "bad";
  readonly text: string;
}

type MakeRequirement = (key: string, operator: SelectorOperator, values: readonly string[]) => Requirement;

const symbols = new Set([")", ",", "!", "==", "=", ">", "<", "!=", "("]);
const binaryOperators = "in, notin, =, ==, !=, gt, lt";

/** @throws SelectorError */
export function parseSelectorText(text: string, make: MakeRequirement): Requirement[] {
  return new Parser(tokenize(text), make).parse();
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = /\s*(?:([=!(),<>]+)|([^=!(),<>\s]+))/gy;
  for (const match of text.matchAll(pattern)) {
    if (match[2] !== undefined) tokens.push({ kind: "word", text: match[2] });
    else splitSymbols(match[1] as string, tokens);
  }
  tokens.push({ kind: "end", text: "" });
  return tokens;
}

/** The longest symbol at each place: `!=`, `==`, then single characters. */
function splitSymbols(run: string, tokens: Token[]): void {
  for (let i = 0; i < run.length; ) {
    const two = run.slice(i, i + 2);
    const symbol = two.length === 2 && symbols.has(two) ? two : run.slice(i, i + 1);
    tokens.push({ kind: symbols.has(symbol) ? "symbol" : "bad", text: symbol });
    i += symbol.length;
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #make: MakeRequirement;
  #position = 0;

  constructor(tokens: readonly Token[], make: MakeRequirement) {
    this.#tokens = tokens;
    this.#make = make;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    while (true) {
      const token = this.#peek();
      if (token.kind === "end") return requirements;
      if (token.kind !== "word" && token.text !== "!") {
        throw new SelectorError(`found '${token.text}', expected: !, identifier, or 'end of string'`);
      }
      try {
        requirements.push(this.#requirement());
      } catch (error) {
        if (!(error instanceof SelectorError)) throw error;
        throw new SelectorError(`unable to parse requirement: ${error.message}`);
      }
      const separator = this.#next();
      if (separator.kind === "end") return requirements;
      if (separator.text !== ",") {
        throw new SelectorError(`found '${separator.text}', expected: ',' or 'end of string'`);
      }
      const following = this.#peek();
      if (following.kind !== "word" && following.text !== "!") {
        throw new SelectorError(`found '${following.text}', expected: identifier after ','`);
      }
    }
  }

  #peek(): Token {
    return this.#tokens[this.#position] as Token;
  }

  #next(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#position++;
    return token;
  }

  #requirement(): Requirement {
    let token = this.#next();
    const negated = token.text === "!" && token.kind === "symbol";
    if (negated) token = this.#next();
    if (token.kind !== "word") throw new SelectorError(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const keyErrors = qualifiedNameErrors(key);
    if (keyErrors.length > 0) {
      throw new SelectorError(fieldErrorText(invalid("<nil>", key, keyErrors.join("; "))));
    }
    if (negated) return this.#make(key, "!", []);
    const following = this.#peek();
    if (following.kind === "end" || following.text === ",") return this.#make(key, "exists", []);
    const operator = this.#operator();
    const values = operator === "in" || operator === "notin" ? this.#values() : [this.#exactValue()];
    return this.#make(key, operator, values);
  }

  #operator(): SelectorOperator {
    const token = this.#next();
    switch (token.text) {
      case "in":
      case "notin":
      case "=":
      case "==":
      case "!=":
        return token.text;
      case ">":
        return "gt";
      case "<":
        return "lt";
      default:
        throw new SelectorError(`found '${token.text}', expected: ${binaryOperators}`);
    }
  }

  #exactValue(): string {
    const token = this.#peek();
    if (token.kind === "end" || token.text === ",") return "";
    this.#next();
    if (token.kind !== "word") throw new SelectorError(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  #values(): string[] {
    const open = this.#next();
    if (open.text !== "(") throw new SelectorError(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.text === ")" && first.kind === "symbol") {
      this.#next();
      return [""];
    }
    if (first.kind !== "word" && first.text !== ",") {
      throw new SelectorError(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values = this.#identifiers();
    this.#next();
    return [...values].sort();
  }

  /** Up to, not including, the closing parenthesis. A missing value between commas is "". */
  #identifiers(): Set<string> {
    const values = new Set<string>();
    while (true) {
      const token = this.#next();
      if (token.kind === "word") {
        values.add(token.text);
        const following = this.#peek();
        if (following.text === ")") return values;
        if (following.text !== ",")
          throw new SelectorError(`found '${following.text}', expected: ',' or ')'`);
      } else if (token.text === ",") {
        if (values.size === 0) values.add("");
        const following = this.#peek();
        if (following.text === ",") values.add("");
        if (following.text === ")") return values.add("");
      } else throw new SelectorError(`found '${token.text}', expected: ',', or identifier`);
    }
  }
}
