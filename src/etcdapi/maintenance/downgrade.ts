import { etcdserverpb } from "../../wire/index.ts";
import { apiVersion } from "../api-version.ts";
import { code, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";

const { VALIDATE, ENABLE, CANCEL } = etcdserverpb.DowngradeRequestDowngradeAction.values;

const [major = 0, minor = 0] = apiVersion.cluster.split(".").map(Number);

/**
 * Whether the cluster could be run by the release before, as a server of this API's version answers it. To begin a downgrade is
 * refused: there is no earlier release that reads this member's data.
 */
export function downgradeMethod(cluster: ClusterInfo): Method {
  return unary(etcdserverpb.MaintenanceService.Downgrade, async ({ action, version }) => {
    const answer = () => ({ header: headerOf(cluster.header()), version: `${major}.${minor}` });
    switch (action) {
      case VALIDATE:
        checkTarget(version);
        await cluster.members({ linearizable: true });
        return answer();
      case ENABLE:
        checkTarget(version);
        throw new RpcError(code.failedPrecondition, "raftsman: there is no earlier release to downgrade to");
      case CANCEL:
        return answer();
      default:
        throw new RpcError(code.unknown, "etcdserver: unknown method");
    }
  });
}

/** Only one minor release down will do, whatever its patch. @throws RpcError */
function checkTarget(version: string): void {
  const match = /^(\d{1,9})\.(\d{1,9})(?:\.\d{1,9}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?$/.exec(version);
  if (match === null)
    throw new RpcError(code.invalidArgument, "etcdserver: wrong downgrade target version format");
  if (Number(match[1]) !== major || Number(match[2]) !== minor - 1)
    throw new RpcError(code.invalidArgument, "etcdserver: invalid downgrade target version");
}
