import { isJsonObject, type Json } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { AccessRequest, Authorizer, Decision } from "../access.ts";
import { accessReview, type ReviewVersion } from "./access-review.ts";
import { KeptAnswers } from "./kept-answers.ts";

/** Somebody elsewhere who is asked with SubjectAccessReviews: upstream's Webhook authorizer. */
export interface WebhookAuthorizerOptions {
  readonly version: ReviewVersion;
  /** Milliseconds that an answer is remembered; 0: it is not. */
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  /** What becomes of a request when nobody can say: others are asked, or it is refused. */
  readonly failurePolicy: "NoOpinion" | "Deny";
}

interface WebhookAuthorizerDeps {
  readonly clock: Clock;
  /** Sends a review and answers what comes back. @throws Error with what went wrong, for people */
  ask(review: Json): Promise<Json>;
  /** Whether it is to be asked at all. @throws Error where that cannot be told */
  readonly concerns?: ((request: AccessRequest) => boolean) | undefined;
}

/** What a client chooses freely of a request is longer than that: nobody will ask the same again. Characters. */
const freeCharsMax = 10_000;

const noOpinion: Decision = { allowed: false, reason: "" };

export function webhookAuthorizer(
  options: WebhookAuthorizerOptions,
  deps: WebhookAuthorizerDeps,
): Authorizer {
  const kept = new KeptAnswers<Decision>(deps.clock);
  const failed = (error: unknown): Decision => ({
    allowed: false,
    denied: options.failurePolicy === "Deny",
    reason: "",
    error: (error as Error).message,
  });

  async function review(request: AccessRequest, key: string, question: Json): Promise<Decision> {
    try {
      const decision = decisionOf(await deps.ask(question));
      if (isWorthKeeping(request))
        kept.add(key, decision, decision.allowed ? options.authorizedTtlMs : options.unauthorizedTtlMs);
      return decision;
    } catch (error) {
      return failed(error);
    }
  }

  return {
    authorize(request) {
      try {
        if (deps.concerns?.(request) === false) return noOpinion;
      } catch (error) {
        return failed(error);
      }
      const question = accessReview(request, options.version);
      const key = JSON.stringify(question.spec);
      return kept.get(key) ?? review(request, key, question);
    },
  };
}

function isWorthKeeping({ verb, path, resource }: AccessRequest): boolean {
  const texts = [verb, path, ...Object.values(resource ?? {})];
  return texts.reduce((sum, text) => sum + text.length, 0) < freeCharsMax;
}

/** @throws Error for what is no answer to a review */
function decisionOf(answer: Json): Decision {
  const status = isJsonObject(answer) ? answer["status"] : undefined;
  if (!isJsonObject(status)) throw new Error("the answer has no status");
  const { allowed = false, denied = false, reason = "" } = status;
  if (typeof allowed !== "boolean" || typeof denied !== "boolean" || typeof reason !== "string")
    throw new Error("the answer's status is none of a SubjectAccessReview");
  if (denied && allowed) {
    const error = "webhook subject access review returned both allow and deny response";
    return { allowed: false, denied, reason, error };
  }
  return denied ? { allowed, denied, reason } : { allowed, reason };
}
