import { utf8 } from "../../base/index.ts";
import { jsonDepthMax } from "../limits.ts";

/**
 * A JSON value with the place it was read from: protobuf's JSON form needs the digits of a number as they were written
 * (64 bits do not fit a double), and error texts name line and column.
 */
export type JsonNode = { readonly start: number; readonly end: number } & (
  | { readonly type: "null" }
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "number"; readonly text: string }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "array"; readonly items: readonly JsonNode[] }
  | {
      readonly type: "object";
      readonly members: readonly {
        readonly name: string;
        readonly nameStart: number;
        readonly value: JsonNode;
      }[];
    }
);

/** The text is no JSON; the message is the one of Go's encoding/json where that is short. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
}

/** The first value of a text, RFC 8259. What follows it is not looked at. @throws JsonSyntaxError */
export function parseJson(text: string): JsonNode {
  return new Parser(text).value(0);
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A run of characters that stand for themselves. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259, section 7: they must be escaped.
const plainPattern = /[^"\\\u0000-\u001f]*/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonNode {
    if (depth > jsonDepthMax) throw new JsonSyntaxError("exceeded max depth");
    this.#space();
    const start = this.#at;
    switch (this.#text[start]) {
      case "{":
        return this.#object(start, depth);
      case "[":
        return this.#array(start, depth);
      case '"':
        return { type: "string", value: this.#string(), start, end: this.#at };
      case "t":
        return this.#literal(start, "true", { type: "boolean", value: true });
      case "f":
        return this.#literal(start, "false", { type: "boolean", value: false });
      case "n":
        return this.#literal(start, "null", { type: "null" });
      default:
        return this.#number(start);
    }
  }

  #object(start: number, depth: number): JsonNode {
    const members: { name: string; nameStart: number; value: JsonNode }[] = [];
    this.#at++;
    this.#space();
    if (this.#take("}")) return { type: "object", members, start, end: this.#at };
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#unexpected("looking for beginning of object key string");
      const nameStart = this.#at;
      const name = this.#string();
      this.#space();
      if (!this.#take(":")) throw this.#unexpected("after object key");
      members.push({ name, nameStart, value: this.value(depth + 1) });
      this.#space();
      if (this.#take("}")) return { type: "object", members, start, end: this.#at };
      if (!this.#take(",")) throw this.#unexpected("after object key:value pair");
    }
  }

  #array(start: number, depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#at++;
    this.#space();
    if (this.#take("]")) return { type: "array", items, start, end: this.#at };
    for (;;) {
      items.push(this.value(depth + 1));
      this.#space();
      if (this.#take("]")) return { type: "array", items, start, end: this.#at };
      if (!this.#take(",")) throw this.#unexpected("after array element");
    }
  }

  #string(): string {
    let value = "";
    this.#at++;
    for (;;) {
      plainPattern.lastIndex = this.#at;
      value += plainPattern.exec(this.#text)?.[0] ?? "";
      this.#at = plainPattern.lastIndex;
      if (this.#take('"')) return value;
      if (!this.#take("\\")) throw this.#unexpected("in string literal");
      const letter = this.#text[this.#at];
      if (letter === "u") {
        const digits = this.#text.slice(this.#at + 1, this.#at + 5);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#unexpected("in \\u hexadecimal character escape");
        value += String.fromCharCode(Number.parseInt(digits, 16));
        this.#at += 5;
      } else {
        const character = letter === undefined ? undefined : escapes[letter];
        if (character === undefined) throw this.#unexpected("in string escape code");
        value += character;
        this.#at++;
      }
    }
  }

  #number(start: number): JsonNode {
    numberPattern.lastIndex = start;
    const text = numberPattern.exec(this.#text)?.[0];
    if (text === undefined) throw this.#unexpected("looking for beginning of value");
    this.#at = start + text.length;
    return { type: "number", text, start, end: this.#at };
  }

  #literal(
    start: number,
    word: string,
    node: { type: "boolean"; value: boolean } | { type: "null" },
  ): JsonNode {
    for (let i = 0; i < word.length; i++) {
      this.#at = start + i;
      if (this.#text[this.#at] !== word[i]) {
        throw this.#unexpected(`in literal ${word} (expecting '${word[i]}')`);
      }
    }
    this.#at = start + word.length;
    return { ...node, start, end: this.#at };
  }

  #space(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #unexpected(where: string): JsonSyntaxError {
    const [byte] = utf8(this.#text.slice(this.#at, this.#at + 2));
    if (byte === undefined) return new JsonSyntaxError("unexpected EOF");
    // Go reads bytes, and shows the first one of a character that has several.
    const character = String.fromCharCode(byte);
    const shown = character === '"' ? character : JSON.stringify(character).slice(1, -1).replace("'", "\\'");
    return new JsonSyntaxError(`invalid character '${shown}' ${where}`);
  }
}
