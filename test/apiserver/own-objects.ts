import type { ApiServer } from "../../src/apiserver/index.ts";
import { createClient, silentLog } from "../../src/client/index.ts";
import { keepFlowControl } from "../../src/main/start-objects/flow-control.ts";
import { keepKubernetesService } from "../../src/main/start-objects/kubernetes-service.ts";
import { keepServiceCidr } from "../../src/main/start-objects/service-cidr.ts";
import { type Clock, nodePlatform } from "../../src/platform/index.ts";

/** What the API server makes for itself and keeps, until the answer is called. */
export async function keepOwnObjects(server: ApiServer, clock: Clock): Promise<() => void> {
  const stopping = new AbortController();
  const user = { name: "system:apiserver", groups: ["system:masters", "system:authenticated"] };
  const client = createClient({ transport: server.transport(user), userAgent: "kube-apiserver" });
  const { random } = nodePlatform();
  const own = { client, clock, random, log: silentLog, signal: stopping.signal };
  await Promise.all([
    keepKubernetesService({ ...own, clusterIp: "10.0.0.1", port: 6443 }).there,
    keepServiceCidr({ ...own, cidrs: ["10.0.0.0/24"] }).there,
    keepFlowControl(own).there,
  ]);
  return () => stopping.abort();
}
