/** A fake API, a clock that stands still and chance from a seed: what tests of clients and controllers start with. */
import { seededPrng } from "../../src/base/index.ts";
import { type Client, createClient, type Log, silentLog } from "../../src/client/index.ts";
import type { Random } from "../../src/platform/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";
import { FakeApi } from "./fake-api.ts";

export interface World {
  readonly api: FakeApi;
  readonly client: Client;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly log: Log;
}

export function createWorld(seed = 1): World {
  const clock = new ManualClock();
  const api = new FakeApi(clock);
  const client = createClient({ transport: api, userAgent: "test" });
  const number = seededPrng(seed);
  let serial = 0;
  const random: Random = {
    number,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(number() * 256)),
    uuid: () => `00000000-0000-4000-8000-${String(++serial).padStart(12, "0")}`,
  };
  return { api, client, clock, random, log: silentLog };
}

/** Lets everything happen that needs no time to pass. */
export async function settle(turns = 50): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Until the condition holds; the clock moves a little when nothing else does. */
export async function eventually(
  world: { clock: ManualClock },
  what: string,
  condition: () => boolean,
  options: { stepMs?: number; steps?: number } = {},
): Promise<void> {
  for (let i = 0; i < (options.steps ?? 400); i++) {
    if (condition()) return;
    await settle(3);
    if (condition()) return;
    world.clock.advance(options.stepMs ?? 5);
  }
  throw new Error(`never: ${what}`);
}
