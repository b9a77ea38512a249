import { createHash } from "node:crypto";
import { isJsonObject, type Json, type JsonObject, type UserInfo } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { type TokenAuthenticator, TokenError, type TokenVerdict } from "../tokens/ports.ts";
import type { ReviewVersion } from "./access-review.ts";
import { KeptAnswers } from "./kept-answers.ts";

/** Named as kube-apiserver's flags `--authentication-token-webhook-*`. */
export interface WebhookTokenOptions {
  readonly version: ReviewVersion;
  /** Milliseconds that an answer is remembered; 0: it is not. */
  readonly ttlMs: number;
}

/** Tokens that somebody elsewhere knows, who is asked with TokenReviews: k8s.io/apiserver/plugin/pkg/authenticator/token/webhook. */
export function webhookTokens(
  options: WebhookTokenOptions,
  deps: {
    readonly clock: Clock;
    /** Of this server: tokens of which it is not said for whom they are are for all of them. */
    readonly audiences: readonly string[];
    /** Sends a review and answers what comes back. @throws Error with what went wrong, for people */
    ask(review: Json): Promise<Json>;
  },
): TokenAuthenticator {
  const kept = new KeptAnswers<TokenVerdict | "unknown">(deps.clock);

  async function review(token: string, asked: readonly string[]): Promise<TokenVerdict | "unknown"> {
    const status = statusOf(
      await deps.ask({
        kind: "TokenReview",
        apiVersion: `authentication.k8s.io/${options.version}`,
        metadata: {},
        spec: { token, audiences: [...asked] },
        status: { user: {} },
      }),
    );
    const { audiences, authenticated = false, error = "" } = status;
    const intended = textsOf(audiences);
    const meant = (intended.length === 0 ? deps.audiences : intended).filter((one) => asked.includes(one));
    if (meant.length === 0) return "unknown";
    if (authenticated === true) return { user: userOf(status["user"]), audiences: meant };
    if (typeof error === "string" && error !== "") throw new TokenError(error);
    return "unknown";
  }

  return {
    async authenticate(token, asked) {
      // What is remembered tells nobody the token.
      const key = createHash("sha256")
        .update(JSON.stringify([token, asked]))
        .digest("base64");
      let verdict = kept.get(key);
      if (verdict === undefined) {
        try {
          verdict = await review(token, asked);
        } catch (error) {
          throw error instanceof TokenError ? error : new TokenError((error as Error).message);
        }
        kept.add(key, verdict, options.ttlMs);
      }
      return verdict === "unknown" ? undefined : verdict;
    },
  };
}

/** @throws Error for what is no answer to a review */
function statusOf(answer: Json): JsonObject {
  const status = isJsonObject(answer) ? answer["status"] : undefined;
  if (!isJsonObject(status)) throw new Error("the answer has no status");
  return status;
}

const textsOf = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];

function userOf(value: Json | undefined): UserInfo {
  const { username = "", uid = "", groups, extra } = isJsonObject(value) ? value : {};
  const extras = Object.entries(isJsonObject(extra) ? extra : {}).map(([key, values]) => [
    key,
    textsOf(values),
  ]);
  return {
    name: typeof username === "string" ? username : "",
    ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    groups: textsOf(groups),
    ...(extras.length === 0 ? {} : { extra: Object.fromEntries(extras) }),
  };
}
