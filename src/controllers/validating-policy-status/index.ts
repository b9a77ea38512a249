import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { validatingAdmissionPolicies } from "../resources.ts";
import { PublishedApi } from "./published-api.ts";
import { type CheckedPolicy, expressionWarnings } from "./type-check.ts";

const fieldManager = "validatingadmissionpolicy-status";

type Policy = KubeObject & CheckedPolicy & { readonly status?: { readonly observedGeneration?: number } };

/** Tells in a policy's status what of its expressions does not fit the kinds it is for: pkg/controller/validatingadmissionpolicystatus. */
export const policyStatusController: ControllerDescriptor = {
  name: "validatingadmissionpolicy-status-controller",
  aliases: ["validatingadmissionpolicy-status"],
  create: policyStatus,
};

function policyStatus({ client, clock, log, signal, informers }: ControllerContext): {
  run(): Promise<void>;
} {
  const policies = informers.informer<Policy>(validatingAdmissionPolicies);
  const queue = createWorkqueue({ name: "policy status", clock, log, process: check });
  const note = ({ metadata }: Policy): void => queue.add(metadata.name as string);
  policies.addHandler({ add: note, update: note, delete() {} });

  async function check(name: string): Promise<void> {
    const policy = policies.lister.get("", name);
    const generation = policy?.metadata.generation ?? 0;
    if (policy === undefined || generation <= (policy.status?.observedGeneration ?? 0)) return;
    const warnings = await expressionWarnings(policy, new PublishedApi(client));
    const body = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      status: {
        observedGeneration: generation,
        typeChecking: warnings.length === 0 ? {} : { expressionWarnings: warnings },
      },
    };
    try {
      await client.patch(validatingAdmissionPolicies, name, {
        type: "apply",
        subresource: "status",
        body,
        fieldManager,
        force: true,
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}
