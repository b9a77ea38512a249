import { isJsonObject } from "./json-types.ts";
import type { Json, JsonObject } from "./object.ts";
import { setOwn } from "./own.ts";

/** A text that is not JSON; the message is Go's (encoding/json). */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

const endOfInput = "unexpected end of JSON input";

/**
 * Reads a JSON text the way Go's decoder does: for its words about what is wrong, and for keys that stand twice, which JSON.parse
 * does not tell. Of such a key the last value counts, but objects are merged, because Go decodes the second into the first.
 */
export class JsonScanner {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #onKey: ((path: string, isRepeated: boolean) => void) | undefined;
  readonly #path: string[] = [];
  #at = 0;

  /** `onKey`: called with the path of every key, in the order of the text. */
  constructor(text: string, depthMax: number, onKey?: (path: string, isRepeated: boolean) => void) {
    this.#text = text;
    this.#depthMax = depthMax;
    this.#onKey = onKey;
  }

  /** @throws JsonError */
  read(): Json {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail("after top-level value");
    return value;
  }

  #fail(context: string): never {
    if (this.#at >= this.#text.length) throw new JsonError(endOfInput);
    throw new JsonError(`invalid character ${quoteCharacter(this.#text, this.#at)} ${context}`);
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && " \t\r\n".includes(this.#text[this.#at] as string)) this.#at++;
  }

  #peek(): string {
    this.#skipSpace();
    return this.#text[this.#at] ?? "";
  }

  #value(depth: number): Json {
    const first = this.#peek();
    if (first === "{" || first === "[") {
      if (depth >= this.#depthMax) throw new JsonError("exceeded max depth");
      this.#at++;
      return first === "{" ? this.#object(depth) : this.#array(depth);
    }
    if (first === '"') return JSON.parse(this.#string()) as string;
    if (first === "-" || (first >= "0" && first <= "9")) return this.#number();
    if (first === "t") return this.#literal("true", true);
    if (first === "f") return this.#literal("false", false);
    if (first === "n") return this.#literal("null", null);
    return this.#fail("looking for beginning of value");
  }

  #object(depth: number): JsonObject {
    const object: JsonObject = {};
    if (this.#peek() === "}") {
      this.#at++;
      return object;
    }
    while (true) {
      if (this.#peek() !== '"') this.#fail("looking for beginning of object key string");
      const key = JSON.parse(this.#string()) as string;
      this.#path.push(this.#path.length === 0 ? key : `.${key}`);
      if (this.#peek() !== ":") this.#fail("after object key");
      this.#at++;
      const isRepeated = Object.hasOwn(object, key);
      this.#onKey?.(this.#path.join(""), isRepeated);
      const value = this.#value(depth + 1);
      setOwn(object, key, isRepeated ? mergeRepeated(object[key] as Json, value) : value);
      this.#path.pop();
      const next = this.#peek();
      if (next !== "," && next !== "}") this.#fail("after object key:value pair");
      this.#at++;
      if (next === "}") return object;
    }
  }

  #array(depth: number): Json[] {
    const array: Json[] = [];
    if (this.#peek() === "]") {
      this.#at++;
      return array;
    }
    for (let i = 0; ; i++) {
      this.#path.push(`[${i}]`);
      array.push(this.#value(depth + 1));
      this.#path.pop();
      const next = this.#peek();
      if (next !== "," && next !== "]") this.#fail("after array element");
      this.#at++;
      if (next === "]") return array;
    }
  }

  /** The raw text of the string at the cursor, quotes included. */
  #string(): string {
    const start = this.#at++;
    while (true) {
      const character = this.#text[this.#at];
      if (character === undefined) throw new JsonError(endOfInput);
      if (character === '"') return this.#text.slice(start, ++this.#at);
      if (character < " ") this.#fail("in string literal");
      this.#at++;
      if (character === "\\") this.#escape();
    }
  }

  #escape(): void {
    const kind = this.#text[this.#at] ?? "";
    if (kind === "u") {
      this.#at++;
      for (let i = 0; i < 4; i++, this.#at++) {
        if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at] ?? ""))
          this.#fail("in \\u hexadecimal character escape");
      }
    } else if (kind !== "" && 'bfnrt\\/"'.includes(kind)) this.#at++;
    else this.#fail("in string escape code");
  }

  #isDigit(): boolean {
    const character = this.#text[this.#at] ?? "";
    return character >= "0" && character <= "9";
  }

  #digits(context: string): void {
    if (!this.#isDigit()) this.#fail(context);
    while (this.#isDigit()) this.#at++;
  }

  #number(): number | bigint {
    const start = this.#at;
    if (this.#text[this.#at] === "-") this.#at++;
    if (this.#text[this.#at] === "0") this.#at++;
    else this.#digits("in numeric literal");
    if (this.#text[this.#at] === ".") {
      this.#at++;
      this.#digits("after decimal point in numeric literal");
    }
    if (this.#text[this.#at] === "e" || this.#text[this.#at] === "E") {
      this.#at++;
      if (this.#text[this.#at] === "+" || this.#text[this.#at] === "-") this.#at++;
      this.#digits("in exponent of numeric literal");
    }
    return readNumber(this.#text.slice(start, this.#at));
  }

  #literal<T>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++, this.#at++) {
      if (this.#text[this.#at] !== word[i]) this.#fail(`in literal ${word} (expecting '${word[i]}')`);
    }
    return value;
  }
}

function mergeRepeated(first: Json, second: Json): Json {
  if (!isJsonObject(first) || !isJsonObject(second)) return second;
  for (const key of Object.keys(second)) {
    const value = second[key] as Json;
    setOwn(first, key, Object.hasOwn(first, key) ? mergeRepeated(first[key] as Json, value) : value);
  }
  return first;
}

/** Integers that a double cannot hold are bigint; longer ones than any integer type are not integers to Go either. */
export function readNumber(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) || !/^-?\d{1,40}$/.test(text) ? value : BigInt(text);
}

/** Go reads bytes: a character beyond ASCII is shown as the first byte of its UTF-8 form. */
function quoteCharacter(text: string, at: number): string {
  const character = String.fromCodePoint(text.codePointAt(at) as number);
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  const byte = Buffer.from(character, "utf8")[0] as number;
  if (byte === 0x5c) return "'\\\\'";
  const escapes: Record<number, string> = {
    8: "\\b",
    9: "\\t",
    10: "\\n",
    12: "\\f",
    13: "\\r",
    7: "\\a",
    11: "\\v",
  };
  if (byte < 0x20 || byte === 0x7f) return `'${escapes[byte] ?? `\\x${byte.toString(16).padStart(2, "0")}`}'`;
  if (byte >= 0x80 && byte < 0xa1) return `'\\u00${byte.toString(16)}'`;
  return `'${String.fromCharCode(byte)}'`;
}
