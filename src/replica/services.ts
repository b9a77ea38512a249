/** What a member is made of besides the core and its log: each service with what it needs of the others, and of the member. */
import { Passwords, WebTokens } from "../access/index.ts";
import type { MemberId, Revision } from "../base/index.ts";
import type { Header } from "../kv/index.ts";
import { AccessService } from "./access-service.ts";
import type { Alarm } from "./alarms.ts";
import { CompactionCheck } from "./compaction-check.ts";
import { CorruptionCheck } from "./corruption-check.ts";
import { DiskSpace } from "./disk-space.ts";
import type { HandoverOptions } from "./handover.ts";
import { HashQuestion } from "./hash-question.ts";
import { LeaseService } from "./lease-service.ts";
import { quotaBytesDefault, requestTimeoutMs } from "./limits.ts";
import type { ReplicaParts } from "./parts.ts";
import { Proposals } from "./proposals.ts";
import { Quota } from "./quota.ts";
import { Reads } from "./reads.ts";
import { Reconfiguration } from "./reconfiguration.ts";
import { Upkeep } from "./upkeep.ts";

/** The member, as its services see it. */
interface Host {
  /** There is something for the core to do. */
  onWork(): void;
  header(): Header;
  /** Asks another member. */
  ask(member: MemberId, question: Uint8Array): Promise<Uint8Array>;
  /** When the connection to a member stood; undefined: there is none. Milliseconds of the monotonic clock. */
  activeSince(member: MemberId): number | undefined;
  onLeader(observer: (leader: MemberId) => void): () => void;
  /** Lets somebody else lead. */
  handOver(): Promise<void>;
  raise(alarm: Alarm): Promise<unknown>;
  isStopped(): boolean;
  /** @throws KvError STOPPED */
  checkRunning(): void;
}

export interface Services {
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly quota: Quota;
  readonly diskSpace: DiskSpace;
  readonly leases: LeaseService;
  readonly access: AccessService;
  readonly reconfiguration: Reconfiguration;
  readonly hashes: HashQuestion;
  readonly corruption: CorruptionCheck;
  readonly compactionCheck: CompactionCheck;
  readonly upkeep: Upkeep;
  readonly handover: HandoverOptions;
}

export function createServices(parts: ReplicaParts, host: Host): Services {
  const { platform, config, identity, raft, state, log, metrics } = parts;
  const { clock, random, disk, loop } = platform;
  const { memberId: member } = identity;
  const { electionMs } = config;
  const timeoutMs = requestTimeoutMs + 2 * electionMs;
  const shared = { clock, random, raft, timeoutMs, onWork: host.onWork };
  const proposals = new Proposals({
    ...shared,
    member,
    requestBytesMax: config.requestBytesMax,
    onLost: () => metrics.proposalsFailed.add(),
  });
  const reads = new Reads({
    ...shared,
    onLost: () => metrics.readsFailed.add(),
    onSlow: () => metrics.readsSlow.add(),
  });
  const ownAlarm: Alarm = { alarm: "NOSPACE", member };
  const diskSpace: DiskSpace = new DiskSpace({
    clock,
    disk,
    log,
    directory: config.directory,
    reserveBytes: config.diskReserveBytes,
    imageBytes: () => state.mvcc.usedBytes,
    logBytes: () => parts.wal.stats.bytes,
    onLow: () => {
      if (!host.isStopped()) quota.look();
    },
  });
  const quota: Quota = new Quota({
    quotaBytes: config.quotaBytes ?? quotaBytesDefault,
    usedBytes: () => state.mvcc.usedBytes,
    diskIsLow: () => diskSpace.isLow,
    raise: () => host.raise(ownAlarm),
    raised: () => state.alarms.has(ownAlarm.alarm, ownAlarm.member),
  });
  const leases = new LeaseService({
    ...shared,
    quota,
    state,
    proposals,
    reads,
    member,
    electionMs,
    header: host.header,
    ask: host.ask,
    onRenewed: () => metrics.leasesRenewed.add(),
  });
  const { webTokens, passwordCost } = config.access ?? {};
  const access = new AccessService({
    random,
    state,
    proposals,
    reads,
    passwords: new Passwords(passwordCost),
    webTokens: webTokens && new WebTokens(webTokens, () => clock.now()),
    header: host.header,
  });
  const reconfiguration = new Reconfiguration({
    ...shared,
    membership: state.membership,
    proposals,
    member,
    electionMs,
    strict: config.strictReconfiguration ?? true,
    ask: host.ask,
    activeSince: host.activeSince,
    handOver: host.handOver,
  });
  const upkeep = new Upkeep({
    clock,
    loop,
    log,
    state,
    durations: metrics.durations,
    checkRunning: host.checkRunning,
    isStopped: host.isStopped,
  });
  const confirm = () => reads.confirm();
  const hashKv = (revision: Revision) => upkeep.hash(revision);
  const hashes = new HashQuestion({ confirm, hashKv, ask: host.ask });
  const comparing = {
    clock,
    log,
    member,
    leads: () => raft.role === "leader",
    question: hashes,
    raise: (of: MemberId) => host.raise({ alarm: "CORRUPT", member: of }),
  };
  const corruption = new CorruptionCheck({
    ...comparing,
    voters: () => state.membership.voters.map(({ id }) => id),
    revision: () => state.mvcc.revision,
    confirm,
    hashKv,
  });
  const compactionCheck = new CompactionCheck({
    ...comparing,
    members: () => state.membership.members.map(({ id }) => id),
    hashes: () => upkeep.compactionHashes,
  });
  const handover = { ...shared, onLeader: host.onLeader };
  return {
    proposals,
    reads,
    quota,
    diskSpace,
    leases,
    access,
    reconfiguration,
    hashes,
    corruption,
    compactionCheck,
    upkeep,
    handover,
  };
}
