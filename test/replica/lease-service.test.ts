import assert from "node:assert/strict";
import { test } from "node:test";
import type { Index, LeaseId, Term } from "../../src/base/index.ts";
import { createLessor } from "../../src/lease/index.ts";
import { LeaseService } from "../../src/replica/lease-service.ts";

test("a leader counts the time of leases from when it has seen all that leaders before it have answered", () => {
  const lessor = createLessor({ ttlSecondsMin: 2 });
  const id = 7n as LeaseId;
  lessor.grant({ id, ttlSeconds: 600 }, 0);
  lessor.checkpoint({ id, remainingTtlSeconds: 10 }, 0);
  const state = { lessor, applied: { index: 8 as Index, term: 4 as Term } };
  const clock = { monotonic: () => 50_000 };
  const options = { state, clock, electionMs: 1000 } as unknown;
  const leases = new LeaseService(options as ConstructorParameters<typeof LeaseService>[0]);

  leases.roleIs("leader", 5 as Term);
  assert.equal(lessor.primary, false, "a renewal of term 4 may be committed and not applied");
  lessor.checkpoint({ id, remainingTtlSeconds: 0 }, 50_000);
  state.applied = { index: 9 as Index, term: 4 as Term };
  leases.roleIs("leader", 5 as Term);
  assert.equal(lessor.primary, false);

  state.applied = { index: 10 as Index, term: 5 as Term };
  leases.roleIs("leader", 5 as Term);
  assert.equal(lessor.timeToLive(id, 50_000)?.ttlSeconds, 601);
  leases.roleIs("follower", 6 as Term);
  assert.equal(lessor.primary, false);
});
