import type { CompileProblem } from "./source.ts";

type TokenKind =
  | "end"
  | "identifier"
  /** An identifier in backquotes, which may hold dots, dashes, slashes and blanks. */
  | "quoted"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "symbol";

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the source. */
  readonly text: string;
  readonly offset: number;
}

const blank = /[ \t\r\n\f]+|\/\/[^\n]*/y;
const number =
  /0x[0-9a-fA-F]+[uU]?|(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|\d+[uU]?/y;
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y;
const quoted = /`[A-Za-z0-9_.\-/ ]+`/y;
const symbol = /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-+!?:*/%]/y;
const prefix = /(?:[bB][rR]?|[rR][bB]?)?(?="|')/y;

/** The tokens of an expression, ended by one of kind `end`. Characters that begin none are told of and skipped, as ANTLR does. */
export function tokenize(source: string, problems: CompileProblem[]): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset;
    return pattern.exec(source)?.[0];
  };
  const push = (kind: TokenKind, text: string): void => {
    tokens.push({ kind, text, offset });
    offset += text.length;
  };
  while (offset < source.length) {
    const space = match(blank);
    if (space !== undefined) {
      offset += space.length;
      continue;
    }
    const literal = stringAt(source, offset, match(prefix));
    if (literal !== undefined) {
      push(/^[rR]?[bB]/.test(literal) ? "bytes" : "string", literal);
      continue;
    }
    const digits = match(number);
    if (digits !== undefined) {
      push(/[uU]$/.test(digits) ? "uint" : /^0x|^\d+$/.test(digits) ? "int" : "double", digits);
      continue;
    }
    const word = match(identifier);
    if (word !== undefined) {
      push("identifier", word);
      continue;
    }
    const escaped = match(quoted);
    if (escaped !== undefined) {
      push("quoted", escaped);
      continue;
    }
    const operator = match(symbol);
    if (operator !== undefined) {
      push("symbol", operator);
      continue;
    }
    const bad = unknownAt(source, offset);
    problems.push({ offset, message: `Syntax error: token recognition error at: '${show(bad)}'` });
    offset += bad.length;
  }
  tokens.push({ kind: "end", text: "<EOF>", offset: source.length });
  return tokens;
}

/** A whole string literal at this offset, quotes and prefix included; undefined where there is none or it does not end. */
function stringAt(source: string, offset: number, prefixText: string | undefined): string | undefined {
  if (prefixText === undefined) return undefined;
  const start = offset + prefixText.length;
  const isRaw = /r/i.test(prefixText);
  const quote = source[start] as string;
  const delimiter = source.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  for (let at = start + delimiter.length; at < source.length; at++) {
    if (source.startsWith(delimiter, at)) return source.slice(offset, at + delimiter.length);
    const character = source[at];
    if (delimiter.length === 1 && (character === "\n" || character === "\r")) return undefined;
    if (character === "\\" && !isRaw) at++;
  }
  return undefined;
}

/** A quote that is never closed swallows its line; anything else is one character. */
function unknownAt(source: string, offset: number): string {
  const character = String.fromCodePoint(source.codePointAt(offset) as number);
  if (character !== '"' && character !== "'") return character;
  const end = source.indexOf("\n", offset);
  return source.slice(offset, end === -1 ? source.length : end);
}

function show(text: string): string {
  return text.replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
}
