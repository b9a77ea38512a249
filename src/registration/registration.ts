import { formatMicroTime, type KubeObject, parseIp } from "../apimachinery/index.ts";
import { type Client, errorText, type Log } from "../client/index.ts";
import type { Clock, Timer } from "../platform/index.ts";
import { managedByLabel, registrationManager, serviceNameLabel } from "./names.ts";
import { ensureService, hasCode, type ServicePort, type ServiceRequest } from "./service.ts";

const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
const slices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" };

/** Renewals in the time after which the Lease would run out: two may be lost. */
const renewalsPerTtl = 3;

export interface RegistrationRequest extends ServiceRequest {
  /** Where the program is reached: an IP address. */
  readonly address: string;
  /** After so long without a renewal the endpoint is removed. Whole seconds, at least 1. */
  readonly ttlSeconds: number;
  /** Who vouches: the Lease's holder. */
  readonly holder: string;
}

/** An endpoint that is there for as long as this is not closed. */
export interface Registration {
  /** Of slice and Lease, as it is now: made anew, where somebody had removed them, it has another. */
  readonly name: string;
  /** Removes the endpoint. Resolves when it is gone, or when the API cannot be told: then the Lease runs out. */
  close(): Promise<void>;
}

/** Registers an endpoint and keeps it. @throws Error where the API refuses it */
export async function register(
  request: RegistrationRequest,
  deps: { readonly client: Client; readonly clock: Clock; readonly log: Log },
): Promise<Registration> {
  const { client, clock, log } = deps;
  const { namespace, ttlSeconds } = request;
  const port = await ensureService(client, request);
  const leaseScope = { ...leases, namespace };
  const sliceScope = { ...slices, namespace };
  let lease = await create();
  let closed = false;
  let timer: Timer | undefined;
  let renewing: Promise<void> = Promise.resolve();

  async function create(): Promise<KubeObject> {
    const made = await client.create<KubeObject>(leaseScope, leaseOf(request, clock.now()));
    try {
      await client.create(sliceScope, sliceOf(request, port, made.metadata.name as string));
    } catch (error) {
      await client.delete(leaseScope, made.metadata.name as string).catch(() => {});
      throw error;
    }
    return made;
  }

  const nameOf = (): string => lease.metadata.name as string;

  async function renew(): Promise<void> {
    try {
      const renewTime = formatMicroTime(clock.now());
      lease = await client.patch(leaseScope, nameOf(), { type: "merge", body: { spec: { renewTime } } });
      await client.get(sliceScope, nameOf());
    } catch (error) {
      if (!hasCode(error, 404)) {
        log.warn("the registration cannot be renewed", { name: nameOf(), error: errorText(error) });
        return;
      }
      // It ran out while nobody could be told, or somebody removed it; the program is there all the same.
      await remove();
      if (closed) return;
      try {
        lease = await create();
        log.info("the registration was gone and is made anew", { name: nameOf() });
      } catch (failure) {
        log.warn("the registration cannot be made anew", { error: errorText(failure) });
      }
    }
  }

  async function remove(): Promise<void> {
    // The slice first: with it the endpoint is gone.
    for (const scope of [sliceScope, leaseScope])
      await client.delete(scope, nameOf()).catch((error: unknown) => {
        if (!hasCode(error, 404))
          log.warn("the registration cannot be removed, it will run out", {
            name: nameOf(),
            error: errorText(error),
          });
      });
  }

  function next(): void {
    timer = clock.after(
      (ttlSeconds * 1000) / renewalsPerTtl,
      () => {
        renewing = renew().then(() => {
          if (!closed) next();
        });
      },
      { background: true },
    );
  }
  next();

  return {
    get name() {
      return nameOf();
    },
    async close() {
      if (closed) return;
      closed = true;
      timer?.cancel();
      await remove();
      await renewing;
    },
  };
}

/** What both objects of a registration have. */
function metadataOf({ namespace, service }: RegistrationRequest): KubeObject["metadata"] {
  return { namespace, labels: { [serviceNameLabel]: service, [managedByLabel]: registrationManager } };
}

function leaseOf(request: RegistrationRequest, nowMs: number): KubeObject {
  const now = formatMicroTime(nowMs);
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { ...metadataOf(request), generateName: `${request.service}-` },
    spec: {
      holderIdentity: request.holder,
      leaseDurationSeconds: request.ttlSeconds,
      acquireTime: now,
      renewTime: now,
    },
  };
}

function sliceOf(request: RegistrationRequest, port: ServicePort, name: string): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadataOf(request), name },
    addressType: parseIp(request.address)?.family === 6 ? "IPv6" : "IPv4",
    ports: [{ name: port.name ?? "", protocol: request.protocol, port: request.port }],
    endpoints: [
      {
        addresses: [request.address],
        conditions: { ready: true, serving: true, terminating: false },
      },
    ],
  };
}
