/** What every cluster has, made at start by whichever member comes first. */
import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { type Client, errorText, type Log, pause, type ResourceScope } from "../../client/index.ts";
import type { Clock } from "../../platform/index.ts";

const retryMs = 500;

export interface EnsureOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Of what the seed has. */
export interface PlantedOptions extends EnsureOptions {
  /** It was planted just now, so that all of it is there: to look at each is the dearest part of a first start. */
  readonly isPlanted?: boolean;
}

/** Tries until it is done or the signal fires; `what` as the log names it. */
export async function ensure(
  { clock, log, signal }: EnsureOptions,
  what: string,
  attempt: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await attempt();
    } catch (error) {
      log.debug(`${what} not there yet`, { error: errorText(error) });
      await pause(clock, retryMs, signal);
    }
  }
}

/**
 * Does it, unless that is planted, and looks again every `repairMs` milliseconds, until the signal fires. `there`: it is done for the first time.
 */
export function keep(
  options: PlantedOptions,
  what: string,
  { repairMs, attempt }: { readonly repairMs: number; readonly attempt: () => Promise<void> },
): { readonly there: Promise<void> } {
  const there = options.isPlanted === true ? Promise.resolve() : ensure(options, what, attempt);
  const repair = async () => {
    await there;
    while (!options.signal.aborted) {
      await pause(options.clock, repairMs, options.signal);
      await ensure(options, what, attempt);
    }
  };
  void repair();
  return { there };
}

/** Makes those of the wanted that are missing. A read is cheaper than refused writes, and all members start alike. */
export async function createMissing(
  client: Client,
  resource: ResourceScope,
  wanted: readonly KubeObject[],
): Promise<void> {
  const { items } = await client.list(resource, {});
  const present = new Set(items.map(({ metadata }) => metadata.name));
  const missing = wanted.filter(({ metadata }) => !present.has(metadata.name));
  await Promise.all(missing.map((object) => createOrAccept(client, resource, object)));
}

/** Another member may have been first. */
export async function createOrAccept(
  client: Client,
  resource: ResourceScope,
  object: KubeObject,
): Promise<void> {
  try {
    await createIn(client, resource, object);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

/** Creates it, and its namespace first where that is missing, which is seldom: asking ahead would cost every start. */
export async function createIn(client: Client, resource: ResourceScope, object: KubeObject): Promise<void> {
  try {
    await client.create(resource, object);
  } catch (error) {
    const { namespace } = resource;
    if (namespace === undefined || !isStatus(error, "NotFound")) throw error;
    await createOrAccept(client, namespaces, { metadata: { name: namespace } });
    await client.create(resource, object);
  }
}

const namespaces = { group: "", version: "v1", resource: "namespaces" };

const isStatus = (error: unknown, reason: string): boolean =>
  error instanceof StatusError && error.reason === reason;
