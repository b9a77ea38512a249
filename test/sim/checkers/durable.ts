import { type MemberId, noMember } from "../../../src/base/index.ts";
import type { HardState, RaftConfig } from "../../../src/raft/index.ts";
import type { Model } from "../model.ts";
import type { Checker, Observed } from "../observer.ts";

/**
 * Durable before visible: what a member applies is on the disks of a quorum by then, really there, as the disks know it, not as the
 * members believe. And what was durable once is there in the next life.
 */
export function durableOnAQuorum(model: Model): Checker {
  const disks = new Map<MemberId, Durable>();

  return {
    opened(member) {
      checkDisk(member);
      const {
        identity,
        raftConfig: { restored },
      } = member.parts;
      const before = disks.get(identity.memberId);
      if (before !== undefined) checkNothingIsLost(before, restored);
      disks.set(identity.memberId, {
        terms: new Map(restored.entries.map(({ index, term }) => [index, term])),
        image: restored.snapshot.index,
        hardState: restored.hardState,
      });
    },
    durable(member, { hardState, entries = [], snapshot }) {
      checkDisk(member);
      const disk = disks.get(member.parts.identity.memberId) as Durable;
      if (hardState !== undefined) disk.hardState = hardState;
      if (snapshot !== undefined) disk.image = Math.max(disk.image, snapshot.index);
      const { terms } = disk;
      for (const { index, term } of entries) {
        if (terms.has(index) && terms.get(index) !== term)
          for (const other of [...terms.keys()]) if (other > index) terms.delete(other);
        terms.set(index, term);
      }
    },
    committed(_, entries) {
      for (const { index, term } of entries) {
        // What a cluster begins with is every member's own.
        if (index <= model.bootstrapped) continue;
        const has = (member: MemberId) => {
          const disk = disks.get(member);
          return disk !== undefined && (disk.terms.get(index) === term || disk.image >= index);
        };
        const enough = votersAround(model, index).some(
          (voters) => voters.filter(has).length > voters.length / 2,
        );
        if (!enough)
          throw new Error(
            `durability: entry ${index} of term ${term} is applied, and no quorum has it on disk`,
          );
      }
    },
  };
}

/** What the log of one member has said to be durable. */
interface Durable {
  readonly terms: Map<number, number>;
  image: number;
  hardState: HardState;
}

function checkDisk({ machine: { storage, config }, life }: Observed): void {
  if (life.dead) return;
  for (const path of storage.files.keys()) {
    if (!path.startsWith(`${config.directory}/wal/`) || path.endsWith(".tmp")) continue;
    if (!storage.isDurable(path))
      throw new Error(`durability: the log says that it is durable, and ${path} is not`);
  }
}

function checkNothingIsLost(
  { terms, hardState: { term, vote } }: Durable,
  { hardState: found, snapshot, entries }: RaftConfig["restored"],
): void {
  if (found.term < term || (found.term === term && vote !== noMember && found.vote !== vote))
    throw new Error(
      `durability: the vote for ${vote.toString(16)} in term ${term} is forgotten: now it is ${found.vote.toString(16)} in term ${found.term}`,
    );
  const now = new Map(entries.map((entry) => [entry.index as number, entry.term as number]));
  const newest = entries.at(-1)?.term ?? snapshot.term;
  for (const [index, was] of terms) {
    // A later leader may have cut it off with a write that nobody heard of any more.
    if (index <= snapshot.index || now.get(index) === was || newest > was) continue;
    throw new Error(`durability: entry ${index} of term ${was} was durable, and is gone`);
  }
}

/** The configurations by which an entry may have been committed: the one before its own, and all since. */
function votersAround({ configurations }: Model, index: number): readonly (readonly MemberId[])[] {
  const since = configurations.findLastIndex((one) => one.index <= index);
  return configurations.slice(Math.max(0, since - 1)).map(({ voters }) => voters);
}
