import { createHash } from "node:crypto";
import type { Endpoint } from "../../catalog/index.ts";
import type { RouteEntry } from "../types.ts";

/** The cookie of an entry: its name says nothing of the route, its value nothing of the endpoint. */
export const cookieName = ({ id }: RouteEntry): string => `rm-${digest(id)}`;

export const cookieValue = ({ address, port }: Endpoint): string => digest(`${address} ${port}`);

/** The value of a cookie in a request. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
