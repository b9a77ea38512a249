/** What every cluster has, made at start by whichever member comes first. */
import { type KubeObject, StatusError } from "../apimachinery/index.ts";
import { type Client, errorText, type Log, pause, type ResourceScope } from "../client/index.ts";
import type { Clock } from "../platform/index.ts";

const retryMs = 500;

export interface EnsureOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
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
    await client.create(resource, object);
  } catch (error) {
    if (!(error instanceof StatusError && error.reason === "AlreadyExists")) throw error;
  }
}
