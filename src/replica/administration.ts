import type { MemberId } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Raft } from "../raft/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { Alarm } from "./alarms.ts";
import { type HandoverOptions, handOver } from "./handover.ts";
import { requestTimeoutMs } from "./limits.ts";
import type { Member } from "./membership.ts";
import type { ReplicaMetrics } from "./metrics.ts";
import type { Proposals } from "./proposals.ts";
import type { Reads } from "./reads.ts";
import type { MemberChange, Reconfiguration, Reconfigured } from "./reconfiguration.ts";
import type { StateMachine } from "./state-machine.ts";

interface AdministrationOptions {
  readonly member: MemberId;
  readonly electionMs: number;
  readonly log: Log;
  readonly metrics: ReplicaMetrics;
  readonly raft: Raft;
  readonly state: StateMachine;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly reconfiguration: Reconfiguration;
  readonly handover: HandoverOptions;
  /** @throws KvError STOPPED */
  checkRunning(): void;
}

/** What operators ask of the cluster: its members, who of them leads, alarms. */
export class Administration {
  readonly #options: AdministrationOptions;

  constructor(options: AdministrationOptions) {
    this.#options = options;
  }

  /** By id. @throws KvError TIMEOUT */
  async members(options: { linearizable: boolean }): Promise<readonly Member[]> {
    const { checkRunning, reads, state } = this.#options;
    checkRunning();
    if (options.linearizable) await reads.confirm();
    return state.membership.members;
  }

  /** Who belongs to the cluster afterwards. @throws KvError: see Reconfiguration */
  async change(change: MemberChange): Promise<Reconfigured> {
    const { checkRunning, reconfiguration, metrics } = this.#options;
    checkRunning();
    if (change.type !== "promote") return reconfiguration.change(change);
    try {
      const done = await reconfiguration.change(change);
      metrics.promotions.add();
      return done;
    } catch (error) {
      metrics.promotionFailed(error);
      throw error;
    }
  }

  /** Has another voter lead. Only the leader can. @throws KvError NOT_LEADER, BAD_TRANSFEREE, TIMEOUT */
  async moveLeader(to: MemberId): Promise<void> {
    const { checkRunning, raft, handover, electionMs } = this.#options;
    checkRunning();
    if (raft.role !== "leader") throw new KvError("NOT_LEADER", "etcdserver: not leader");
    if (!raft.status.confState.voters.includes(to))
      throw new KvError("BAD_TRANSFEREE", "etcdserver: bad leader transferee");
    if (!(await handOver(handover, to, requestTimeoutMs + 2 * electionMs)))
      throw new KvError("TIMEOUT", "etcdserver: request timed out");
  }

  /** Tells the cluster this member's name and where its clients reach it. @throws KvError */
  async publish(attributes: { name: string; clientUrls: readonly string[] }): Promise<void> {
    const { checkRunning, proposals, member } = this.#options;
    checkRunning();
    await proposals.propose({ type: "member-attributes", member, ...attributes });
  }

  /** Raises or lifts an alarm on all members, or asks what is raised. Answers the alarms concerned. @throws KvError */
  async alarm(
    request: { readonly action: "get" } | ({ readonly action: "activate" | "deactivate" } & Alarm),
  ): Promise<readonly Alarm[]> {
    const { checkRunning, reads, state, proposals, log } = this.#options;
    checkRunning();
    if (request.action === "get") {
      await reads.confirm();
      return state.alarms.all;
    }
    const { action, alarm, member } = request;
    const outcome = await proposals.propose({ type: "alarm", action, alarm, member });
    if (outcome.type !== "alarm") throw new Error(`an alarm ended as ${outcome.type}`);
    for (const one of outcome.alarms) {
      log.warn(action === "activate" ? "an alarm is raised" : "an alarm is lifted", {
        alarm: one.alarm,
        member: one.member.toString(16),
      });
    }
    return outcome.alarms;
  }
}
