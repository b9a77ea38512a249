import { createHash, timingSafeEqual } from "node:crypto";
import type { UserInfo } from "../../apimachinery/index.ts";
import type { TokenAuthenticator } from "./ports.ts";

/** A token that somebody wrote into a file. */
export interface StaticToken {
  readonly token: string;
  readonly user: UserInfo;
}

/** @param audiences of this server: the tokens are good for all of them */
export function staticTokens(
  tokens: readonly StaticToken[],
  audiences: readonly string[],
): TokenAuthenticator {
  const known = tokens.map(({ token, user }) => ({ digest: digestOf(token), user }));
  return {
    authenticate(token, asked) {
      const digest = digestOf(token);
      let user: UserInfo | undefined;
      for (const entry of known) if (timingSafeEqual(entry.digest, digest)) user = entry.user;
      const meant = audiences.filter((audience) => asked.includes(audience));
      return user === undefined || meant.length === 0 ? undefined : { user, audiences: meant };
    },
  };
}

const digestOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/**
 * kube-apiserver's --token-auth-file: lines of `token,user,uid[,"group1,group2"]`, with CSV's quotes. Lines that are empty or begin
 * with # are passed over. @throws Error that names the line
 */
export function parseTokenFile(text: string): StaticToken[] {
  const tokens = new Map<string, StaticToken>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const fields = csvFields(line);
    const [token = "", name = "", uid = "", groups = ""] = fields ?? [];
    if (fields === undefined || fields.length < 3)
      throw new Error(`line ${index + 1}: token,user,uid and, in quotes, groups were expected`);
    if (token === "") throw new Error(`line ${index + 1}: the token is empty`);
    tokens.set(token, {
      token,
      user: {
        name,
        ...(uid === "" ? {} : { uid }),
        groups: groups
          .split(",")
          .map((group) => group.trim())
          .filter((group) => group !== ""),
      },
    });
  }
  return [...tokens.values()];
}

/** Undefined for a quote that does not end. */
function csvFields(line: string): string[] | undefined {
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const [whole, quoted, plain] = /^\s*"((?:[^"]|"")*)"\s*(?=,|$)|^([^",]*)(?=,|$)/.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    fields.push((quoted?.replaceAll('""', '"') ?? plain ?? "").trim());
    if (whole.length === rest.length) return fields;
    rest = rest.slice(whole.length + 1);
  }
}
