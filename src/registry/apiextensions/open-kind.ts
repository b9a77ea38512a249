import type { Random } from "../../platform/index.ts";
import { loadPatterns } from "../../schema/index.ts";
import type { Storage } from "../../storage/index.ts";
import type { ConversionWebhook } from "../ports.ts";
import { loadRules, ruleEngine } from "./rule-engine.ts";
import { type ServedKind, serve } from "./serving.ts";
import { schemasOf } from "./shared-fields.ts";
import type { CustomResourceDefinition } from "./types.ts";
import { convertByWebhook } from "./webhook-conversion.ts";

/** Loads what custom kinds need, and makes one ready to be served. */
export async function openKind(options: {
  readonly definition: CustomResourceDefinition;
  readonly storage: Storage;
  readonly keyPrefix: string;
  readonly random: Random;
  readonly terminating: () => boolean;
  readonly conversionWebhook: ConversionWebhook | undefined;
}): Promise<ServedKind> {
  await loadPatterns();
  await loadRules(schemasOf(options.definition.spec));
  const { definition, conversionWebhook, random } = options;
  const { conversion } = definition.spec;
  const webhook =
    conversion?.strategy === "Webhook"
      ? convertByWebhook(conversion, { call: conversionWebhook, random })
      : undefined;
  return serve({ ...options, webhook, rulesOf: (root) => ruleEngine(root.props)?.ruleChecks(root) });
}
