import type { Clock } from "../platform/index.ts";
import type { Policy } from "./policy.ts";
import { Trail } from "./trail.ts";
import type { AuditEvent, Auditor, AuditSink } from "./types.ts";

/** Events by a policy, to all sinks. */
export function createAuditor(options: {
  readonly policy: Policy;
  readonly sinks: readonly AuditSink[];
  readonly clock: Clock;
}): Auditor {
  const { policy, sinks, clock } = options;
  const emit = (event: AuditEvent): void => {
    for (const sink of sinks) sink.write(event);
  };
  return {
    begin(request) {
      const verdict = policy(request);
      if (verdict.level === "None") return undefined;
      const trail = new Trail(request, { verdict, clock, emit });
      trail.received();
      return trail;
    },
    refused(request, outcome) {
      const verdict = policy(request);
      if (verdict.level !== "None") new Trail(request, { verdict, clock, emit }).started(outcome);
    },
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}
