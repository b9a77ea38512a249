/** Some controllers over the real API server, on a clock that the test drives: what they write is validated, defaulted and owned. */
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type Client, createClient, silentLog } from "../../src/client/index.ts";
import { type ControllerSettings, createControllerManager } from "../../src/controllers/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openServer } from "../apiserver/open-server.ts";
import { settle } from "../client/world.ts";
import { ManualClock } from "../storage/manual-clock.ts";

export interface RealCluster {
  readonly client: Client;
  readonly clock: ManualClock;
  /** Until the answer is not undefined or false; time passes a little when nothing else happens. */
  until<T>(
    what: string,
    look: () => Promise<T | undefined | false>,
    options?: { stepMs?: number },
  ): Promise<T>;
  /** Messages of the events about an object, as `Reason: message`. */
  eventsOf(name: string): Promise<string[]>;
  stop(): Promise<void>;
}

const stepsMax = 2_000;

export async function startRealCluster(
  controllers: string,
  settings: Partial<ControllerSettings> = {},
  /** What another server would answer the controllers for a path; undefined where none would. */
  elsewhere: (path: string) => object | undefined = () => undefined,
): Promise<RealCluster> {
  const clock = new ManualClock();
  const { random } = nodePlatform();
  const { server, close } = openServer({ clock });
  const transport = server.transport({ name: "admin", groups: ["system:masters"] });
  const client = createClient({ transport, userAgent: "test" });
  for (const name of ["default", "kube-system"]) {
    await client.create({ group: "", version: "v1", resource: "namespaces" }, { metadata: { name } });
  }
  const controllersClient = createClient({ transport, userAgent: "kube-controller-manager" });
  const manager = createControllerManager({
    client: {
      ...controllersClient,
      async raw(request) {
        const answer = elsewhere(request.path);
        return answer === undefined
          ? await controllersClient.raw(request)
          : { status: 200, body: JSON.stringify(answer) };
      },
    },
    schedulerClient: createClient({ transport, userAgent: "kube-scheduler" }),
    clock,
    random,
    log: silentLog,
    controllers,
    settings: { rootCa: "PEM", ...settings },
  });
  manager.start();
  const until: RealCluster["until"] = async (what, look, { stepMs = 20 } = {}) => {
    for (let step = 0; step < stepsMax; step++) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      await settle(5);
      clock.advance(stepMs);
    }
    throw new Error(`never: ${what}`);
  };
  let working = false;
  void manager.working.then(() => {
    working = true;
  });
  await until("the controllers work", async () => working);
  return {
    client,
    clock,
    until,
    async eventsOf(name) {
      const events = { group: "", version: "v1", resource: "events", namespace: "default" };
      const { items } = await client.list<KubeObject>(events, {
        fieldSelector: `involvedObject.name=${name}`,
      });
      return items.map((event) => `${event["reason"]}: ${event["message"]}`);
    },
    async stop() {
      let stopped = false;
      const stopping = manager.stop().then(() => {
        stopped = true;
      });
      await until("the controllers have stopped", async () => stopped);
      await stopping;
      await close();
    },
  };
}
