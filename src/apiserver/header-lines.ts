import type { IncomingMessage } from "node:http";
import type { HeaderLines } from "../auth/index.ts";

/** Header lines by name. `headers` joins those of one name by commas, which a group's name may hold itself: `CN=ops,OU=example`. */
export function headerLines({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): HeaderLines {
  const lines = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    const value = (rawHeaders[at + 1] as string).trim();
    if (value === "") continue;
    const before = lines.get(name);
    if (before === undefined) lines.set(name, [value]);
    else before.push(value);
  }
  return lines;
}
