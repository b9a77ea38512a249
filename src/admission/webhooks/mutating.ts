import {
  applyJsonPatch,
  deepEqual,
  errors,
  type Json,
  JsonError,
  type JsonObject,
  type KubeObject,
  parseJson,
  StatusError,
  stringifyJson,
} from "../../apimachinery/index.ts";
import type { Authorizer } from "../../auth/index.ts";
import { isExempt } from "../matching.ts";
import type {
  AdmissionPlugin,
  AdmissionReader,
  AdmissionRequest,
  ConfigurationViews,
  MutationPass,
} from "../ports.ts";
import { type CallDeps, CallFailure, callWebhook, sent } from "./call.ts";
import { Hooks, type Webhook } from "./configuration.ts";
import { failedCall } from "./validating.ts";

const configurations = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "mutatingwebhookconfigurations",
};

/** Of one request: which webhooks want to see it again, and which must. */
interface Invoked {
  readonly reinvocable: Set<string>;
  due: Set<string>;
  /** The object as the webhooks left it. */
  output: string;
}

/**
 * Asks the webhooks that a request concerns, one after the other; each may change the object. Whoever asked for it
 * (`reinvocationPolicy: IfNeeded`) sees the object once more when somebody after it changed it.
 */
export function mutatingWebhooks(
  deps: CallDeps & {
    readonly views: ConfigurationViews;
    readonly reader: AdmissionReader;
    readonly authorizer: Authorizer;
  },
): AdmissionPlugin {
  const hooks = new Hooks(deps.views.of(configurations));
  const invocations = new WeakMap<MutationPass["request"], Invoked>();

  const mutate = async (request: AdmissionRequest, pass: MutationPass): Promise<void> => {
    const invoked = invocations.get(pass.request) ?? { reinvocable: new Set(), due: new Set(), output: "" };
    invocations.set(pass.request, invoked);
    const changedBefore = pass.isAgain && stringifyJson(request.object) !== invoked.output;
    if (changedBefore) invoked.due = new Set(invoked.reinvocable);
    const { due } = invoked;
    invoked.due = new Set();
    for (const hook of hooks.all) {
      const { webhook, id } = hook;
      if (pass.isAgain && !due.has(id)) continue;
      const seen = await hook.concerned(request, deps);
      if (seen === undefined) continue;
      const changed = await ask(webhook, seen);
      if (changed && seen !== request) await takeBack(seen, request);
      if (changed) {
        for (const earlier of invoked.reinvocable) invoked.due.add(earlier);
        pass.again();
      }
      if (webhook.reinvocationPolicy === "IfNeeded") invoked.reinvocable.add(id);
    }
    invoked.output = stringifyJson(request.object);
  };

  const ask = async (webhook: Webhook, request: AdmissionRequest): Promise<boolean> => {
    try {
      const { patch } = await callWebhook(webhook, request, { mutating: true }, deps);
      return patch === "" ? false : applyPatch(webhook, request, patch);
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      if (webhook.failurePolicy === "Ignore") return false;
      throw failedCall(error);
    }
  };

  return {
    name: "MutatingAdmissionWebhook",
    connects: true,
    mutate: (request, pass) =>
      hooks.all.length === 0 || isExempt(request) ? undefined : mutate(request, pass),
  };
}

/** What a webhook changed in another version, in the client's. */
async function takeBack(seen: AdmissionRequest, request: AdmissionRequest): Promise<void> {
  const version = request.equivalents?.find(({ resource }) => resource.version === seen.resource.version);
  if (version === undefined || seen.object === undefined || request.object === undefined) return;
  replace(request.object, await version.toHere(seen.object));
}

/** The handler and the store hold this object: it changes, it is not replaced. */
function replace(object: KubeObject, by: KubeObject): void {
  for (const key of Object.keys(object)) delete object[key as keyof KubeObject];
  Object.assign(object, by);
}

/** Whether the patch changed the object, which it does in place. @throws CallFailure, StatusError */
function applyPatch({ name }: Webhook, request: AdmissionRequest, text: string): boolean {
  let patch: Json;
  try {
    patch = parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new CallFailure(name, `received undecodable patch in webhook response: ${error.message}`);
  }
  if (Array.isArray(patch) && patch.length === 0) return false;
  const { object } = request;
  if (object === undefined || request.complete === undefined) {
    const why = `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`;
    throw errors.internalError(why);
  }
  const before = parseJson(stringifyJson(sent(object, request)));
  let after: KubeObject;
  try {
    after = request.complete(applyJsonPatch(before, patch) as JsonObject);
  } catch (error) {
    if (error instanceof StatusError || error instanceof Error) throw errors.internalError(error.message);
    throw error;
  }
  const changed = !deepEqual(sent(object, request), sent(after, request));
  replace(object, after);
  return changed;
}
