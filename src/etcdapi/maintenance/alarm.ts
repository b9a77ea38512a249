import type { MemberId } from "../../base/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterAlarm, ClusterInfo } from "../ports.ts";

const { AlarmRequestAlarmAction, AlarmType } = etcdserverpb;
const { ACTIVATE, DEACTIVATE, GET } = AlarmRequestAlarmAction.values;

/** Alarms are of the whole cluster; whoever answers has heard of all of them. */
export function alarmMethod(cluster: ClusterInfo): Method {
  return unary(etcdserverpb.MaintenanceService.Alarm, async (request) => {
    const alarms = await answer(cluster, request);
    return {
      header: headerOf(cluster.header()),
      alarms: alarms.map(({ member, alarm }) => ({ memberID: member, alarm: AlarmType.values[alarm] })),
    };
  });
}

async function answer(
  cluster: ClusterInfo,
  { action, alarm: type, memberID }: etcdserverpb.AlarmRequest,
): Promise<readonly ClusterAlarm[]> {
  const alarm =
    type === AlarmType.values.NOSPACE ? "NOSPACE" : type === AlarmType.values.CORRUPT ? "CORRUPT" : undefined;
  if (action === GET) {
    const all = await cluster.alarm({ action: "get" });
    return type === AlarmType.values.NONE ? all : all.filter((one) => one.alarm === alarm);
  }
  // To raise or lift none is fine, and nothing.
  if (alarm === undefined || (action !== ACTIVATE && action !== DEACTIVATE)) return [];
  return cluster.alarm({
    action: action === ACTIVATE ? "activate" : "deactivate",
    alarm,
    member: memberID as MemberId,
  });
}
