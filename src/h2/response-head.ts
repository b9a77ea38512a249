import type { FieldList } from "./header-decoder.ts";
import type { HeaderFields } from "./ports.ts";
import { validField, validValue } from "./request-head.ts";

/** What an answer says before its body. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderFields;
}

/** Reads and checks an answer's fields. Undefined: malformed (RFC 9113, sections 8.1.1 and 8.3.2). */
export function responseHead({ fields }: FieldList): ResponseHead | undefined {
  const [name, status = ""] = fields;
  if (name !== ":status" || !/^[1-9]\d\d$/.test(status)) return undefined;
  const headers = regularFields(fields, 2);
  return headers && { status: Number(status), headers };
}

/** What follows a body: nothing but regular fields. Undefined: malformed. */
export function trailerFields({ fields }: FieldList): HeaderFields | undefined {
  return regularFields(fields, 0);
}

function regularFields(fields: readonly string[], from: number): HeaderFields | undefined {
  const headers: Record<string, string> = Object.create(null);
  for (let i = from; i < fields.length; i += 2) {
    const [name, value] = [fields[i] as string, fields[i + 1] as string];
    if (!validField(name, value) || !validValue(value)) return undefined;
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}
