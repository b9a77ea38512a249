/** All controllers and hollow nodes over the small server, on a clock that the test drives. */
import type { KubeObject } from "../../src/apimachinery/index.ts";
import {
  type ControllerManager,
  type ControllerSettings,
  createControllerManager,
} from "../../src/controllers/index.ts";
import { createHollowNodes, type HollowNode, type HollowNodes } from "../../src/node/index.ts";
import { createWorld, eventually, type World } from "../client/world.ts";

export interface Cluster extends World {
  readonly manager: ControllerManager;
  readonly hollow: HollowNodes;
  readonly nodes: HollowNode[];
  /** Until the condition holds. */
  until(what: string, condition: () => boolean, options?: { stepMs?: number; steps?: number }): Promise<void>;
  /** What the Endpoints of a Service lead to. */
  addresses(service: string): string[];
  stop(): Promise<void>;
}

export async function startCluster(
  options: {
    nodes?: number;
    controllers?: string;
    settings?: Partial<ControllerSettings>;
    capacity?: Record<string, string>;
  } = {},
): Promise<Cluster> {
  const world = createWorld();
  const manager = createControllerManager({
    ...world,
    hostName: "vm",
    ...(options.controllers === undefined ? {} : { controllers: options.controllers }),
    settings: { rootCa: "PEM", ...options.settings },
  });
  manager.start();
  await manager.working;
  const hollow = createHollowNodes(world);
  const until: Cluster["until"] = (what, condition, timing) => eventually(world, what, condition, timing);
  const nodes = Array.from({ length: options.nodes ?? 1 }, (_, index) =>
    hollow.add({
      name: `node-${index}`,
      address: `192.0.2.${index + 1}`,
      ...(options.capacity === undefined ? {} : { capacity: options.capacity }),
    }),
  );
  await until(
    "all nodes have a range",
    () => world.api.all("nodes").filter((node) => node.spec?.podCIDR !== undefined).length === nodes.length,
  );
  return {
    ...world,
    manager,
    hollow,
    nodes,
    until,
    addresses(service) {
      const subsets = (world.api.get("endpoints", "default", service)?.subsets ?? []) as {
        addresses?: { ip: string }[];
      }[];
      return subsets.flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip));
    },
    async stop() {
      // Shutting down may wait for its own timers: the clock goes on meanwhile.
      let stopped = false;
      const stopping = Promise.all([hollow.stop(), manager.stop()]).then(() => {
        stopped = true;
      });
      await until("everything has stopped", () => stopped);
      await stopping;
    },
  };
}

export const deployments = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };
export const services = { group: "", version: "v1", resource: "services", namespace: "default" };
export const pods = { group: "", version: "v1", resource: "pods", namespace: "default" };
export const configMaps = { group: "", version: "v1", resource: "configmaps", namespace: "default" };

/** A Deployment as the server would have defaulted it. */
export function deployment(name: string, replicas: number, image = "app:1", more: object = {}): KubeObject {
  return {
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            {
              name: "app",
              image,
              ports: [
                { name: "http", containerPort: 8080, protocol: "TCP" },
                { name: "adm", containerPort: 9090, protocol: "TCP" },
              ],
              resources: { requests: { cpu: "100m" } },
              terminationMessagePath: "/dev/termination-log",
              terminationMessagePolicy: "File",
              imagePullPolicy: "IfNotPresent",
            },
          ],
          restartPolicy: "Always",
          terminationGracePeriodSeconds: 30,
          dnsPolicy: "ClusterFirst",
          securityContext: {},
          schedulerName: "default-scheduler",
        },
      },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...more,
    },
    status: {},
  };
}

export function service(name: string, more: object = {}): KubeObject {
  return {
    metadata: { name, namespace: "default" },
    spec: {
      clusterIP: "10.0.0.13",
      selector: { app: name },
      ports: [
        { name: "http", protocol: "TCP", port: 80, targetPort: 8080 },
        { name: "named", protocol: "TCP", port: 81, targetPort: "adm" },
      ],
      ipFamilies: ["IPv4"],
      ...more,
    },
  };
}
