import type { Connection, ConnectOptions, Platform } from "../platform/index.ts";
import { type Claim, endpointKey } from "./balancer.ts";
import { connectBudgetMs, connectTimeoutMs, connectTriesMax } from "./limits.ts";

export interface Dialled {
  readonly claim: Claim;
  readonly connection: Connection;
}

export interface DialOptions {
  /** An endpoint that has not been tried; asked anew each time, so that what has been removed meanwhile gets nothing. */
  readonly claimNext: (tried: ReadonlySet<string>) => Claim | undefined;
  /** False: nobody waits for it any more. */
  readonly wanted: () => boolean;
  readonly tls?: ConnectOptions["tls"];
}

/**
 * Connects to an endpoint, or to the next where one does not accept: when a node dies, several in a row may not. The claim is the caller's to
 * release. The answer says whether there was any endpoint where none accepts.
 */
export async function dialEndpoint(
  { network, clock }: Platform,
  { claimNext, wanted, tls }: DialOptions,
): Promise<Dialled | "no endpoint" | "refused"> {
  const tried = new Set<string>();
  const deadline = clock.monotonic() + connectBudgetMs;
  while (tried.size < connectTriesMax && wanted() && clock.monotonic() < deadline) {
    const claim = claimNext(tried);
    if (claim === undefined) break;
    const { address: host, port } = claim.endpoint;
    try {
      const connection = await network.connect({
        host,
        port,
        timeoutMs: connectTimeoutMs,
        halfOpen: true,
        ...(tls === undefined ? {} : { tls }),
      });
      return { claim, connection };
    } catch {
      claim.failed();
      claim.release();
      tried.add(endpointKey(claim.endpoint));
    }
  }
  return tried.size === 0 ? "no endpoint" : "refused";
}
