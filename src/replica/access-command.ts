/** What the log says about users and roles, as JSON: it is written seldom and read by people who look into a log. */
import type { AccessCommand } from "../access/index.ts";
import { MalformedBytesError } from "./bytes-reader.ts";

/** Keys are bytes: base64 with this before it. No name of a user or a role stands where a key may. */
const bytesFields = new Set(["key", "rangeEnd"]);

export function accessCommandText(command: AccessCommand): string {
  return JSON.stringify(command, (_, value: unknown) =>
    value instanceof Uint8Array
      ? Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64")
      : value,
  );
}

/** @throws MalformedBytesError */
export function accessCommandOf(text: string): AccessCommand {
  try {
    return JSON.parse(text, (name, value: unknown) =>
      bytesFields.has(name) ? new Uint8Array(Buffer.from(String(value), "base64")) : value,
    ) as AccessCommand;
  } catch {
    throw new MalformedBytesError("a change of users and roles is not readable");
  }
}
