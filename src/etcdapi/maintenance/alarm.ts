import { etcdserverpb } from "../../wire/index.ts";
import { code, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import { alarmsOf, type ClusterInfo } from "../ports.ts";

/** Lists alarms. They are raised and lifted by the store itself, so asking for that is refused. */
export function alarmMethod(cluster: ClusterInfo): Method {
  const { AlarmRequestAlarmAction, AlarmType } = etcdserverpb;
  return unary(etcdserverpb.MaintenanceService.Alarm, async (request) => {
    if (request.action !== AlarmRequestAlarmAction.values.GET) {
      throw new RpcError(code.unimplemented, "raftsman: alarms can only be listed");
    }
    return {
      header: headerOf(cluster.header()),
      alarms: alarmsOf(cluster)
        .map(({ member, alarm }) => ({ memberID: member, alarm: AlarmType.values[alarm] }))
        .filter(({ alarm }) => request.alarm === AlarmType.values.NONE || request.alarm === alarm),
    };
  });
}
