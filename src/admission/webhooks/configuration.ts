import type { KubeObject, LabelSelector, WebhookClientConfig } from "../../apimachinery/index.ts";
import type { Authorizer } from "../../auth/index.ts";
import {
  type Condition,
  conditionsHold,
  ExpressionError,
  loadCel,
  requestVariables,
} from "../expressions.ts";
import { refused } from "../forbidden.ts";
import {
  equivalentFor,
  type MatchRule,
  MatchSelectors,
  matchedRequest,
  matchesNamespace,
  matchesObject,
  matchesRule,
} from "../matching.ts";
import type { AdmissionReader, AdmissionRequest, ObjectView } from "../ports.ts";

/** One webhook of a ValidatingWebhookConfiguration or a MutatingWebhookConfiguration. */
export interface Webhook {
  readonly name: string;
  readonly clientConfig: WebhookClientConfig;
  readonly rules?: readonly MatchRule[];
  readonly failurePolicy?: "Fail" | "Ignore";
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly sideEffects?: string;
  readonly timeoutSeconds?: number;
  readonly admissionReviewVersions?: readonly string[] | null;
  readonly reinvocationPolicy?: "Never" | "IfNeeded";
  readonly matchPolicy?: "Exact" | "Equivalent";
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
}

interface Deps {
  readonly reader: AdmissionReader;
  readonly authorizer: Authorizer;
}

/** A webhook, read once. */
export class Hook {
  readonly webhook: Webhook;
  /** Its configuration's name and its place there: the same for as long as it exists. */
  readonly id: string;
  readonly #selectors: MatchSelectors;
  #conditions: readonly Condition[] | undefined;

  constructor(webhook: Webhook, id: string) {
    this.webhook = webhook;
    this.id = id;
    this.#selectors = new MatchSelectors(webhook);
  }

  /**
   * A request that is one to ask about, as the webhook sees it; undefined for others.
   * @throws StatusError Forbidden where a condition fails
   */
  async concerned(request: AdmissionRequest, deps: Deps): Promise<AdmissionRequest | undefined> {
    const { rules = [], matchPolicy } = this.webhook;
    const isNamed = rules.some((rule) => matchesRule(rule, request));
    if (!isNamed && equivalentFor(rules, matchPolicy, request) === undefined) return undefined;
    if (!matchesObject(this.#selectors, request)) return undefined;
    if (!(await matchesNamespace(this.#selectors, request, deps.reader))) return undefined;
    const seen = await matchedRequest(rules, matchPolicy, request);
    return seen !== undefined && (await this.#conditionsHold(seen, deps)) ? seen : undefined;
  }

  async #conditionsHold(request: AdmissionRequest, deps: Deps): Promise<boolean> {
    const { matchConditions = [], failurePolicy } = this.webhook;
    if (matchConditions.length === 0) return true;
    const cel = await loadCel();
    if (this.#conditions === undefined) {
      const environment = cel.admissionEnvironment({ params: false, authorizer: true });
      this.#conditions = matchConditions.map(({ expression }) => {
        const source = expression.trim();
        return { source, program: cel.compileTyped(source, environment, [cel.types.bool]) };
      });
    }
    try {
      return conditionsHold(cel, this.#conditions, requestVariables(cel, request, deps));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      if (failurePolicy === "Ignore") return false;
      throw refused(request, error.message);
    }
  }
}

/** All webhooks of a view, by the names of their configurations and then in the order given there; made anew when it changes. */
export class Hooks {
  readonly #view: ObjectView;
  #generation = -1;
  #hooks: readonly Hook[] = [];

  constructor(view: ObjectView) {
    this.#view = view;
  }

  get all(): readonly Hook[] {
    if (this.#generation !== this.#view.generation) {
      this.#generation = this.#view.generation;
      this.#hooks = this.#view.all.flatMap(hooksOf);
    }
    return this.#hooks;
  }
}

function hooksOf(configuration: KubeObject): Hook[] {
  const webhooks: readonly Webhook[] = configuration["webhooks"] ?? [];
  return webhooks.map(
    (webhook, index) => new Hook(webhook, `${configuration.metadata.name}/${webhook.name}/${index}`),
  );
}
