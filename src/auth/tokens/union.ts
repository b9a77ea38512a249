import { field, type UserInfo } from "../../apimachinery/index.ts";
import { type TokenAuthenticator, TokenError, type TokenVerdict } from "./ports.ts";

/** Bytes of a bearer token that are looked at: nothing that is given out is longer. */
const tokenCharsMax = 16_384;

/** What a review of a token says. */
export interface TokenReview {
  readonly verdict: TokenVerdict | undefined;
  /** "" where it is good. */
  readonly error: string;
}

/** All kinds of tokens, asked one after the other until one knows it. */
export async function reviewToken(
  token: string,
  audiences: readonly string[],
  kinds: readonly TokenAuthenticator[],
): Promise<TokenReview> {
  const complaints = ["invalid bearer token"];
  if (token.length > tokenCharsMax) return { verdict: undefined, error: complaints[0] as string };
  for (const kind of kinds) {
    try {
      const verdict = await kind.authenticate(token, audiences);
      if (verdict !== undefined)
        return { verdict: { ...verdict, user: authenticated(verdict.user) }, error: "" };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      complaints.push(error.message);
    }
  }
  return { verdict: undefined, error: field.aggregateMessages(complaints) };
}

/** Everybody known is in this group, but for who is called as nobody is. */
export function authenticated(user: UserInfo): UserInfo {
  const [group, opposite] = ["system:authenticated", "system:unauthenticated"];
  const isSaid = user.groups.includes(group) || user.groups.includes(opposite);
  return isSaid || user.name === "system:anonymous" ? user : { ...user, groups: [...user.groups, group] };
}
