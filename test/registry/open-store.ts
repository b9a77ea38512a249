import assert from "node:assert/strict";
import type { Random } from "../../src/platform/index.ts";
import type { RequestContext, Strategy } from "../../src/registry/index.ts";
import { GenericStore } from "../../src/registry/store.ts";
import { formOfKind, resourceInfo } from "../../src/schema/index.ts";
import { createKvStorage } from "../../src/storage/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";
import { MvccKv } from "../storage/mvcc-kv.ts";

/** A generic store of ConfigMaps over the real store, with the strategy that a test wants to see called. */
export function openStore(strategy: Partial<Strategy> = {}): {
  store: GenericStore;
  kv: MvccKv;
  clock: ManualClock;
} {
  const kv = new MvccKv();
  const clock = new ManualClock();
  const info = resourceInfo({ group: "", version: "v1", resource: "configmaps" });
  assert(info !== undefined);
  const keyPrefix = "/kubernetes.io/configmaps/";
  const store = new GenericStore({
    info,
    form: formOfKind({ group: "", version: "v1", kind: "ConfigMap" }),
    strategy: { namespaced: true, ...strategy },
    storage: createKvStorage({ kv, clock, keyPrefix, namespaced: true }),
    keyPrefix,
    random: countingRandom(),
  });
  return { store, kv, clock };
}

/** Uids and suffixes that a test can foresee. */
function countingRandom(): Random {
  let count = 0;
  return {
    number: () => (count++ % 7) / 7,
    bytes: (length) => new Uint8Array(length),
    uuid: () => `00000000-0000-4000-8000-${String(++count).padStart(12, "0")}`,
  };
}

export function requestContext(
  options: Partial<RequestContext> = {},
): RequestContext & { readonly warned: string[] } {
  const warned: string[] = [];
  return {
    user: { name: "admin", groups: ["system:masters"] },
    namespace: "default",
    dryRun: false,
    fieldManager: "test",
    now: 1_700_000_000_000,
    warn: (text) => warned.push(text),
    ...options,
    warned,
  };
}
