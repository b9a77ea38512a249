const simpleEscapes: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  "\\": 0x5c,
  "'": 0x27,
  '"': 0x22,
  "`": 0x60,
  "?": 0x3f,
};

/** A string literal as it stands in the source to what it says; an Error where an escape is none. */
export function unquoteString(text: string): string | Error {
  const { body, isRaw } = parts(text);
  if (isRaw || !body.includes("\\")) return body;
  let result = "";
  const failed = readEscapes(body, false, (code, literal) => {
    result += literal ?? String.fromCodePoint(code);
  });
  return failed ?? result;
}

/** A bytes literal: UTF-8 of its characters, and single bytes for `\x` and octal escapes. */
export function unquoteBytes(text: string): Uint8Array | Error {
  const { body, isRaw } = parts(text);
  const encoder = new TextEncoder();
  if (isRaw || !body.includes("\\")) return encoder.encode(body);
  const bytes: number[] = [];
  const failed = readEscapes(body, true, (code, literal) => {
    if (literal === undefined) bytes.push(code);
    else bytes.push(...encoder.encode(literal));
  });
  return failed ?? Uint8Array.from(bytes);
}

function parts(text: string): { body: string; isRaw: boolean } {
  const match = /^([bBrR]*)("""|'''|"|')([\s\S]*)\2$/.exec(text);
  return { body: (match?.[3] ?? "").replaceAll("\r\n", "\n"), isRaw: /r/i.test(match?.[1] ?? "") };
}

/** Calls `emit` with the code of each escape, and with the text between escapes. */
function readEscapes(
  body: string,
  isBytes: boolean,
  emit: (code: number, literal: string | undefined) => void,
): Error | undefined {
  const token =
    /[^\\]+|\\(?:([abfnrtv\\'"`?])|([xX])([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;
  while (token.lastIndex < body.length) {
    const match = token.exec(body);
    if (match === null) return new Error("unable to unescape string");
    const [text, simple, , byte, short, long, octal] = match;
    if (simple !== undefined) emit(simpleEscapes[simple] as number, undefined);
    else if (byte !== undefined) emit(Number.parseInt(byte, 16), undefined);
    else if (octal !== undefined) emit(Number.parseInt(octal, 8), undefined);
    else if (short !== undefined || long !== undefined) {
      const code = Number.parseInt((short ?? long) as string, 16);
      if (isBytes || code > 0x10_ffff || (code >= 0xd800 && code < 0xe000)) {
        return new Error("unable to unescape string");
      }
      emit(code, undefined);
    } else emit(0, text);
  }
  return undefined;
}
