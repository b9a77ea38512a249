import { type AccessConfig, authorizationModes } from "../../main/index.ts";
import type { ApiSettings } from "./settings.ts";
import { webhookVersion } from "./webhook-version.ts";

type Authorization = Pick<
  AccessConfig,
  "authorizationModes" | "authorizationConfigFile" | "authorizationPolicyFile"
>;
type Mode = NonNullable<Authorization["authorizationModes"]>[number];

/** As upstream has them where flags say it: neither can be chosen. */
const timeoutMs = 30_000;
const failurePolicy = "NoOpinion";

/** Who decides who may do what. @throws Error in kube-apiserver's words */
export function authorizationOf(settings: ApiSettings): Authorization {
  const file = settings.text("authorization-config");
  if (file !== "") {
    const others = [...settings.values.keys()].some((name) => /^authorization-(mode|webhook-)/.test(name));
    if (others)
      throw new Error(
        "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined",
      );
    return { authorizationConfigFile: file, ...policyFileOf(settings) };
  }
  const modes = settings.list("authorization-mode");
  const policies = policyFileOf(settings);
  if (modes.includes("ABAC") && policies.authorizationPolicyFile === undefined)
    throw new Error("authorization-mode ABAC's authorization policy file not passed");
  if (!modes.includes("ABAC") && policies.authorizationPolicyFile !== undefined)
    throw new Error("cannot specify --authorization-policy-file without mode ABAC");
  const webhookFile = settings.text("authorization-webhook-config-file");
  if (webhookFile !== "" && !modes.includes("Webhook"))
    throw new Error("cannot specify --authorization-webhook-config-file without mode Webhook");
  if (new Set(modes).size !== modes.length)
    throw new Error(`authorization-mode ${JSON.stringify(modes)} has mode specified more than once`);
  return { authorizationModes: modes.map((mode) => modeOf(mode, webhookFile, settings)), ...policies };
}

function policyFileOf(settings: ApiSettings): Pick<AccessConfig, "authorizationPolicyFile"> {
  const file = settings.text("authorization-policy-file");
  return file === "" ? {} : { authorizationPolicyFile: file };
}

function modeOf(name: string, webhookFile: string, settings: ApiSettings): Mode {
  const mode = authorizationModes.find((known) => known === name);
  if (mode !== undefined) return mode;
  if (name !== "Webhook")
    throw new Error(
      `authorization-mode ${JSON.stringify(name)} is not a valid mode here: use ${authorizationModes.join(", ")}, Webhook`,
    );
  if (webhookFile === "")
    throw new Error("authorization-mode Webhook's authorization config file not passed");
  return {
    version: webhookVersion(settings, "authorization-webhook-version"),
    authorizedTtlMs: settings.duration("authorization-webhook-cache-authorized-ttl"),
    unauthorizedTtlMs: settings.duration("authorization-webhook-cache-unauthorized-ttl"),
    failurePolicy,
    kubeconfigFile: webhookFile,
    timeoutMs,
    matchConditions: [],
    path: "",
  };
}
