/** What the router's objects need before they can be made: its IngressClass, and OpenShift's kind Route. */
import { StatusError } from "../apimachinery/index.ts";
import { type Client, errorText, type Log, pause } from "../client/index.ts";
import type { Clock } from "../platform/index.ts";
import { routeDefinition } from "./route-definition.ts";
import { routes } from "./status.ts";

/** `spec.controller` of the IngressClasses that this router serves. */
export const controllerName = "raftsman.dev/router";

const ingressClasses = { group: "networking.k8s.io", version: "v1", resource: "ingressclasses" };
const definitions = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};
const retryMs = 500;

/** Makes the IngressClass `raftsman`, the default where there is no other yet. Tries until the signal fires. */
export async function ensureIngressClass(
  client: Client,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const object = {
    metadata: {
      name: "raftsman",
      annotations: { "ingressclass.kubernetes.io/is-default-class": "true" },
    },
    spec: { controller: controllerName },
  };
  await persist("the IngressClass raftsman", clock, log, signal, async () => {
    const { items } = await client.list(ingressClasses);
    if (items.some(({ metadata }) => metadata.name === "raftsman")) return true;
    if (items.length > 0)
      object.metadata.annotations["ingressclass.kubernetes.io/is-default-class"] = "false";
    await createOrAccept(() => client.create(ingressClasses, object));
    return true;
  });
}

/** Makes the kind Route, and waits until it is served. False: this API has no custom resources. */
export async function ensureRouteKind(
  client: Client,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<boolean> {
  let possible = true;
  await persist("the kind Route", clock, log, signal, async () => {
    const { status } = await client.raw({ method: "GET", path: "/apis/apiextensions.k8s.io/v1" });
    if (status === 404) {
      possible = false;
      return true;
    }
    await createOrAccept(() => client.create(definitions, routeDefinition));
    await client.list(routes, { limit: 1 });
    return true;
  });
  return possible && !signal.aborted;
}

async function persist(
  what: string,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  attempt: () => Promise<boolean>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (await attempt()) return;
    } catch (error) {
      log.debug(`${what} is not there yet`, { error: errorText(error) });
    }
    await pause(clock, retryMs, signal);
  }
}

async function createOrAccept(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!(error instanceof StatusError && error.reason === "AlreadyExists")) throw error;
  }
}
