import { errors, StatusError } from "../../apimachinery/index.ts";
import type { Authorizer } from "../../auth/index.ts";
import { isExempt } from "../matching.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest, ConfigurationViews } from "../ports.ts";
import { type CallDeps, CallFailure, callWebhook } from "./call.ts";
import { Hooks } from "./configuration.ts";

const configurations = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "validatingwebhookconfigurations",
};

/** Asks all webhooks that a request concerns, side by side; each may refuse it. */
export function validatingWebhooks(
  deps: CallDeps & {
    readonly views: ConfigurationViews;
    readonly reader: AdmissionReader;
    readonly authorizer: Authorizer;
  },
): AdmissionPlugin {
  const hooks = new Hooks(deps.views.of(configurations));
  const check = async (request: AdmissionRequest): Promise<void> => {
    const concerned = [];
    for (const hook of hooks.all) {
      const seen = await hook.concerned(request, deps);
      if (seen !== undefined) concerned.push({ webhook: hook.webhook, seen });
    }
    const outcomes = await Promise.allSettled(
      concerned.map(({ webhook, seen }) => callWebhook(webhook, seen, { mutating: false }, deps)),
    );
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") continue;
      const { reason } = outcome;
      if (!(reason instanceof CallFailure)) throw reason;
      if (concerned[index]?.webhook.failurePolicy !== "Ignore") throw failedCall(reason);
    }
  };
  return {
    name: "ValidatingAdmissionWebhook",
    connects: true,
    validate: (request) => (hooks.all.length === 0 || isExempt(request) ? undefined : check(request)),
  };
}

/** 500 for a webhook that must be asked and could not be. */
export function failedCall({ message }: CallFailure): StatusError {
  const { status } = errors.internalError(message);
  return new StatusError({ ...status, details: { causes: [{ message }] } });
}
