import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, type Workqueue } from "../../client/index.ts";
import type { ControllerContext } from "../context.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { certificateSigningRequests } from "../resources.ts";

/** certificates.k8s.io/v1 CertificateSigningRequest, as far as its controllers look at it. */
export interface SigningRequest extends KubeObject {
  spec: {
    readonly request: string;
    readonly signerName: string;
    readonly expirationSeconds?: number;
    readonly usages?: readonly string[];
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  status?: {
    readonly conditions?: readonly SigningCondition[];
    /** Base64 of PEM. */
    readonly certificate?: string;
  };
}

interface SigningCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
}

export function conditionOf({ status }: SigningRequest, type: string): SigningCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Looks at every request that is there or changes. A lost race comes again with the other's change. */
export function requestQueue(
  { clock, log, informers }: ControllerContext,
  name: string,
  process: (request: SigningRequest) => Promise<void>,
): Workqueue {
  const known = informers.informer<SigningRequest>(certificateSigningRequests);
  const queue = createWorkqueue({
    name,
    clock,
    log,
    async process(key) {
      const request = known.lister.get("", key);
      if (request === undefined) return;
      try {
        await process(request);
      } catch (error) {
        if (isConflict(error) || isNotFound(error)) return;
        log.debug("a certificate request is not decided", { request: key, error: errorText(error) });
        throw error;
      }
    },
  });
  known.addHandler({
    add: ({ metadata }) => queue.add(metadata.name as string),
    update: ({ metadata }) => queue.add(metadata.name as string),
  });
  return queue;
}
