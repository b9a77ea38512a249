/** What is wrong with members. Replicated state: changed only by applied entries, so equal on all members at equal index. */
import { fromUtf8, type MemberId, utf8 } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import { alarmsMax } from "./limits.ts";

export const alarmTypes = ["NOSPACE", "CORRUPT"] as const;

/**
 * NOSPACE: a member's quota is used up; what takes space is refused on all members until the alarm is lifted.
 * CORRUPT: members disagree; nothing is written any more.
 */
export interface Alarm {
  readonly member: MemberId;
  readonly alarm: (typeof alarmTypes)[number];
}

export class Alarms {
  #alarms: readonly Alarm[] = [];

  /** By type, then member. */
  get all(): readonly Alarm[] {
    return this.#alarms;
  }

  has(alarm: Alarm["alarm"], member?: MemberId): boolean {
    return this.#alarms.some((one) => one.alarm === alarm && (member === undefined || one.member === member));
  }

  /** One that is there already stays. @throws KvError TOO_MANY_REQUESTS: members that do not exist could have any number */
  activate({ member, alarm }: Alarm): readonly Alarm[] {
    if (!this.has(alarm, member)) {
      if (this.#alarms.length >= alarmsMax)
        throw new KvError("TOO_MANY_REQUESTS", "etcdserver: too many requests");
      this.#alarms = [...this.#alarms, { member, alarm }].sort(inOrder);
    }
    return [{ member, alarm }];
  }

  /** Answers what was lifted: nothing where there was nothing. */
  deactivate({ member, alarm }: Alarm): readonly Alarm[] {
    if (!this.has(alarm, member)) return [];
    this.#alarms = this.#alarms.filter((one) => one.alarm !== alarm || one.member !== member);
    return [{ member, alarm }];
  }

  /** Equal states give equal bytes. */
  image(): Uint8Array {
    return utf8(JSON.stringify(this.#alarms.map(({ member, alarm }) => ({ member: `${member}`, alarm }))));
  }

  restore(image: Uint8Array): void {
    const alarms = JSON.parse(fromUtf8(image)) as { member: string; alarm: Alarm["alarm"] }[];
    this.#alarms = alarms.map(({ member, alarm }) => ({ member: BigInt(member) as MemberId, alarm }));
  }

  clear(): void {
    this.#alarms = [];
  }
}

function inOrder(a: Alarm, b: Alarm): number {
  const byType = alarmTypes.indexOf(a.alarm) - alarmTypes.indexOf(b.alarm);
  if (byType !== 0) return byType;
  return a.member < b.member ? -1 : 1;
}
