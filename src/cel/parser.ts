import { type Expression, node } from "./ast.ts";
import { type Token, tokenize } from "./lexer.ts";
import { expressionCharactersMax, expressionDepthMax } from "./limits.ts";
import { unquoteBytes, unquoteString } from "./literals.ts";
import { expandMacro, MacroError } from "./macros.ts";
import { CompileError, type CompileProblem } from "./source.ts";
import { Uint, type Value } from "./values.ts";

/** What may begin an operand, as ANTLR lists it. */
const operandStart =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
/** The same where the arguments of a call begin, of which there may be none. */
const argumentStart = operandStart.replace("'(',", "'(', ')',");

const reserved: ReadonlySet<string> = new Set(
  "as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);
const keywords: ReadonlySet<string> = new Set(["in", "true", "false", "null"]);

const relations: ReadonlySet<string> = new Set(["<", "<=", ">", ">=", "==", "!=", "in"]);
const sums: ReadonlySet<string> = new Set(["+", "-"]);
const products: ReadonlySet<string> = new Set(["*", "/", "%"]);

const intMax = 2n ** 63n - 1n;
const intMin = -(2n ** 63n);
const uintMax = 2n ** 64n - 1n;

/** Ends the reading at the first syntax error: what follows would be guesses. */
class Stop extends Error {}

/**
 * An expression to its tree, macros expanded. The grammar is CEL's with optional syntax (`a.?b`, `[?x]`).
 * @throws CompileError
 */
export function parse(source: string, options: { readonly bindings?: boolean } = {}): Expression {
  const size = [...source].length;
  if (size > expressionCharactersMax) {
    throw new CompileError(source, [
      {
        offset: undefined,
        message: `expression code point size exceeds limit: size: ${size}, limit ${expressionCharactersMax}`,
      },
    ]);
  }
  const problems: CompileProblem[] = [];
  const parser = new Parser(tokenize(source, problems), problems, options.bindings ?? false);
  const expression = parser.read();
  if (problems.length > 0 || expression === undefined) throw new CompileError(source, problems);
  return expression;
}

class Parser {
  readonly #tokens: readonly Token[];
  /** Where the arguments of a call begin that is being read. */
  #firstArgument: Token | undefined;
  readonly #problems: CompileProblem[];
  readonly #bindings: boolean;
  #position = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], problems: CompileProblem[], bindings: boolean) {
    this.#tokens = tokens;
    this.#problems = problems;
    this.#bindings = bindings;
  }

  read(): Expression | undefined {
    try {
      const expression = this.#conditional();
      if (this.#next.kind !== "end") {
        const isLast = this.#tokens[this.#position + 1]?.kind === "end";
        throw this.#syntaxError(
          `${isLast ? "extraneous" : "mismatched"} input '${this.#next.text}' expecting <EOF>`,
        );
      }
      return expression;
    } catch (error) {
      if (error instanceof Stop) return undefined;
      throw error;
    }
  }

  get #next(): Token {
    return this.#tokens[this.#position] as Token;
  }

  #syntaxError(message: string, at: Token = this.#next): Stop {
    this.#problems.push({ offset: at.offset, message: `Syntax error: ${message}` });
    return new Stop();
  }

  /** An error after which reading goes on; the node stands in for what could not be made. */
  #report(offset: number, message: string): Expression {
    this.#problems.push({ offset, message });
    return node({ kind: "literal", offset, value: null });
  }

  #checked(expression: Expression): Expression {
    if (expression.depth > expressionDepthMax) throw this.#tooDeep();
    return expression;
  }

  #tooDeep(): Stop {
    const message = `expression recursion limit exceeded: ${expressionDepthMax}`;
    this.#problems.push({ offset: undefined, message });
    return new Stop();
  }

  #isSymbol(text: string): boolean {
    return this.#next.kind === "symbol" && this.#next.text === text;
  }

  #take(): Token {
    const token = this.#next;
    if (token.kind !== "end") this.#position++;
    return token;
  }

  #takeSymbol(text: string): Token | undefined {
    return this.#isSymbol(text) ? this.#take() : undefined;
  }

  #expectSymbol(text: string, alternatives?: string): Token {
    const token = this.#takeSymbol(text);
    if (token !== undefined) return token;
    const missing = alternatives === undefined ? `missing '${text}' at` : "mismatched input";
    const tail = alternatives === undefined ? "" : ` expecting ${alternatives}`;
    throw this.#syntaxError(`${missing} '${this.#next.text}'${tail}`);
  }

  #conditional(): Expression {
    if (++this.#depth > expressionDepthMax) throw this.#tooDeep();
    const condition = this.#logical("||");
    const question = this.#takeSymbol("?");
    if (question !== undefined) {
      const then = this.#logical("||");
      this.#expectSymbol(":", "':'");
      const otherwise = this.#conditional();
      this.#depth--;
      return this.#call("_?_:_", question.offset, [condition, then, otherwise]);
    }
    this.#depth--;
    return condition;
  }

  /** Long chains become balanced trees, as upstream, so that they are not deep. */
  #logical(operator: "||" | "&&"): Expression {
    const operand = (): Expression => (operator === "||" ? this.#logical("&&") : this.#relation());
    const terms = [operand()];
    const offsets: number[] = [];
    for (let token = this.#takeSymbol(operator); token !== undefined; token = this.#takeSymbol(operator)) {
      offsets.push(token.offset);
      terms.push(operand());
    }
    const balance = (low: number, high: number): Expression => {
      const middle = (low + high + 1) >> 1;
      const left = middle === low ? (terms[middle] as Expression) : balance(low, middle - 1);
      const right = middle === high ? (terms[middle + 1] as Expression) : balance(middle + 1, high);
      return this.#call(`_${operator}_`, offsets[middle] as number, [left, right]);
    };
    return offsets.length === 0 ? (terms[0] as Expression) : balance(0, offsets.length - 1);
  }

  #relation(): Expression {
    return this.#leftAssociative(relations, () =>
      this.#leftAssociative(sums, () => this.#leftAssociative(products, () => this.#unary())),
    );
  }

  #leftAssociative(operators: ReadonlySet<string>, operand: () => Expression): Expression {
    let left = operand();
    while (this.#next.kind !== "string" && operators.has(this.#next.text)) {
      const token = this.#take();
      const name = token.text === "in" ? "@in" : `_${token.text}_`;
      left = this.#call(name, token.offset, [left, operand()]);
    }
    return left;
  }

  #unary(): Expression {
    const first = this.#next;
    for (const sign of ["!", "-"] as const) {
      if (!this.#isSymbol(sign)) continue;
      const following = this.#tokens[this.#position + 1] as Token;
      // A sign before a number is part of it.
      if (sign === "-" && (following.kind === "int" || following.kind === "double")) return this.#member();
      let signs = 0;
      while (this.#takeSymbol(sign) !== undefined) signs++;
      const operand = this.#member();
      return signs % 2 === 0 ? operand : this.#call(sign === "!" ? "!_" : "-_", first.offset, [operand]);
    }
    return this.#member();
  }

  #member(): Expression {
    let operand = this.#primary();
    for (;;) {
      const dot = this.#takeSymbol(".");
      if (dot !== undefined) {
        operand = this.#selection(operand, dot);
        continue;
      }
      const bracket = this.#takeSymbol("[");
      if (bracket === undefined) return operand;
      const isOptional = this.#takeSymbol("?") !== undefined;
      const index = this.#conditional();
      this.#expectSymbol("]", "']'");
      operand = this.#call(isOptional ? "_[?_]" : "_[_]", bracket.offset, [operand, index]);
    }
  }

  #selection(operand: Expression, dot: Token): Expression {
    const isOptional = this.#takeSymbol("?") !== undefined;
    const token = this.#next;
    if (token.kind !== "quoted" && (token.kind !== "identifier" || keywords.has(token.text))) {
      if (token.kind === "end" || isOptional)
        throw this.#syntaxError(`mismatched input '${token.text}' expecting IDENTIFIER`);
      throw this.#syntaxError(`no viable alternative at input '.${token.text}'`);
    }
    this.#take();
    const field = token.kind === "quoted" ? token.text.slice(1, -1) : token.text;
    const open = isOptional || token.kind === "quoted" ? undefined : this.#takeSymbol("(");
    if (open !== undefined) return this.#callOrMacro(field, open.offset, operand, this.#list(")"));
    if (!isOptional) {
      return this.#checked(node({ kind: "select", offset: dot.offset, operand, field, isTest: false }));
    }
    const name = node<Expression>({ kind: "literal", offset: token.offset, value: field });
    return this.#call("_?._", dot.offset, [operand, name]);
  }

  /** Expressions up to the closing symbol, which is taken. */
  #list(close: ")"): Expression[] {
    this.#firstArgument = this.#next;
    if (this.#takeSymbol(close) !== undefined) return [];
    const items = [this.#conditional()];
    while (this.#takeSymbol(",") !== undefined) items.push(this.#conditional());
    this.#expectSymbol(close, `{'${close}', ','}`);
    return items;
  }

  #primary(): Expression {
    const token = this.#next;
    const { offset } = token;
    switch (token.kind) {
      case "int":
      case "uint":
      case "double":
        this.#take();
        return this.#number(token, "");
      case "string":
      case "bytes": {
        this.#take();
        const value = token.kind === "string" ? unquoteString(token.text) : unquoteBytes(token.text);
        if (value instanceof Error) return this.#report(offset, value.message);
        return node({ kind: "literal", offset, value });
      }
      case "identifier":
        return this.#identifier(undefined);
      case "symbol":
        break;
      default:
        throw this.#noOperand(token);
    }
    switch (token.text) {
      case "-": {
        this.#take();
        return this.#number(this.#take(), "-");
      }
      case ".": {
        this.#take();
        if (this.#next.kind !== "identifier") {
          throw this.#syntaxError(`mismatched input '${this.#next.text}' expecting IDENTIFIER`);
        }
        return this.#identifier(token);
      }
      case "(": {
        this.#take();
        const inner = this.#conditional();
        this.#expectSymbol(")");
        return inner;
      }
      case "[":
        this.#take();
        return this.#listLiteral(offset);
      case "{":
        this.#take();
        return this.#mapLiteral(offset);
      default:
        throw this.#noOperand(token);
    }
  }

  #noOperand(token: Token): Stop {
    const expected = token === this.#firstArgument ? argumentStart : operandStart;
    return this.#syntaxError(`mismatched input '${token.text}' expecting ${expected}`);
  }

  #number(token: Token, sign: "" | "-"): Expression {
    const offset = sign === "" ? token.offset : token.offset - 1;
    const value = numberValue(token, sign);
    if (value === undefined) return this.#report(offset, `invalid ${token.kind} literal`);
    return node({ kind: "literal", offset, value });
  }

  #identifier(leadingDot: Token | undefined): Expression {
    const token = this.#take();
    const { offset, text } = token;
    if (text === "in") throw this.#syntaxError(`mismatched input 'in' expecting ${operandStart}`, token);
    if (leadingDot === undefined && keywords.has(text)) {
      return node({ kind: "literal", offset, value: text === "null" ? null : text === "true" });
    }
    const open = this.#takeSymbol("(");
    if (open === undefined) {
      const names = this.#messageName(text);
      if (names !== undefined) return this.#structLiteral(names);
    }
    if (reserved.has(text)) {
      if (open !== undefined) this.#list(")");
      return this.#report(offset, `reserved identifier: ${text}`);
    }
    if (open !== undefined) return this.#callOrMacro(text, open.offset, undefined, this.#list(")"));
    return node({ kind: "identifier", offset, name: text });
  }

  /** `a.b.C{`: the name where a brace follows; nothing is taken otherwise. */
  #messageName(first: string): string | undefined {
    const start = this.#position;
    let name = first;
    while (this.#isSymbol(".") && this.#tokens[this.#position + 1]?.kind === "identifier") {
      this.#take();
      name += `.${this.#take().text}`;
    }
    if (this.#isSymbol("{")) return name;
    this.#position = start;
    return undefined;
  }

  #structLiteral(name: string): Expression {
    const { offset } = this.#take();
    const fields: { name: string; value: Expression; isOptional: boolean; offset: number }[] = [];
    while (!this.#isSymbol("}")) {
      const isOptional = this.#takeSymbol("?") !== undefined;
      const field = this.#take();
      if (field.kind !== "identifier" && field.kind !== "quoted") {
        throw this.#syntaxError(`mismatched input '${field.text}' expecting {'}', ',', IDENTIFIER}`, field);
      }
      const colon = this.#expectSymbol(":", "':'");
      fields.push({
        name: field.kind === "quoted" ? field.text.slice(1, -1) : field.text,
        value: this.#conditional(),
        isOptional,
        offset: colon.offset,
      });
      if (this.#takeSymbol(",") === undefined) break;
    }
    this.#expectSymbol("}", "{'}', ','}");
    return this.#checked(node({ kind: "struct", offset, name, fields }));
  }

  #listLiteral(offset: number): Expression {
    const elements: { value: Expression; isOptional: boolean }[] = [];
    while (!this.#isSymbol("]")) {
      const isOptional = this.#takeSymbol("?") !== undefined;
      elements.push({ value: this.#conditional(), isOptional });
      if (this.#takeSymbol(",") === undefined) break;
    }
    this.#expectSymbol("]", "{']', ','}");
    return this.#checked(node({ kind: "list", offset, elements }));
  }

  #mapLiteral(offset: number): Expression {
    const entries: { key: Expression; value: Expression; isOptional: boolean }[] = [];
    while (!this.#isSymbol("}")) {
      const isOptional = this.#takeSymbol("?") !== undefined;
      const key = this.#conditional();
      this.#expectSymbol(":", "':'");
      entries.push({ key, value: this.#conditional(), isOptional });
      if (this.#takeSymbol(",") === undefined) break;
    }
    this.#expectSymbol("}", "{'}', ','}");
    return this.#checked(node({ kind: "map", offset, entries }));
  }

  #call(name: string, offset: number, args: readonly Expression[]): Expression {
    return this.#checked(node({ kind: "call", offset, name, target: undefined, args }));
  }

  #callOrMacro(
    name: string,
    offset: number,
    target: Expression | undefined,
    args: readonly Expression[],
  ): Expression {
    try {
      const expanded = expandMacro({ name, offset, target, args }, this.#bindings);
      return this.#checked(expanded ?? node({ kind: "call", offset, name, target, args }));
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      return this.#report(error.offset ?? offset, error.message);
    }
  }
}

function numberValue(token: Token, sign: "" | "-"): Value | undefined {
  if (token.kind === "double") {
    const value = Number(`${sign}${token.text}`);
    return Number.isFinite(value) ? value : undefined;
  }
  const digits = BigInt(token.kind === "uint" ? token.text.slice(0, -1) : token.text);
  if (token.kind === "uint") return digits > uintMax ? undefined : new Uint(digits);
  const value = sign === "-" ? -digits : digits;
  return value < intMin || value > intMax ? undefined : value;
}
