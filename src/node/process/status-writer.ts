import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import type { Client } from "../../client/index.ts";
import type { Pod } from "./pod.ts";

type PodStatus = KubeObject["status"];

const pods = { group: "", version: "v1", resource: "pods" };

/** Tells the server what became of a pod, where it does not know yet. */
export class StatusWriter {
  readonly #client: Client;
  #written = "";

  constructor(client: Client) {
    this.#client = client;
  }

  /** `statusOf`: what is to stand there beside what others wrote into it. Nothing is told of a pod that is gone. @throws StatusError */
  async write(seen: Pod, statusOf: (pod: Pod) => PodStatus): Promise<void> {
    const scope = { ...pods, namespace: seen.metadata.namespace as string };
    for (let pod = seen; ; ) {
      const status = statusOf(pod);
      const text = view(status);
      if (text === this.#written && text === view(pod.status ?? {})) return;
      try {
        await this.#client.update(scope, { ...pod, status }, "status");
        this.#written = text;
        return;
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (error.code === 404) return;
        if (error.code !== 409) throw error;
        pod = await this.#client.get<Pod>(scope, pod.metadata.name as string);
        if (pod.metadata.uid !== seen.metadata.uid) return;
      }
    }
  }

  /** Takes it out of the cluster. @throws StatusError */
  async remove({ metadata: { name, namespace, uid } }: Pod): Promise<void> {
    await this.#client.delete({ ...pods, namespace: namespace as string }, name as string, {
      gracePeriodSeconds: 0,
      preconditions: { uid: uid as string },
    });
  }
}

/** What of a status is worth a write. */
function view(status: PodStatus): string {
  const { conditions = [], ...rest } = status;
  return JSON.stringify([
    Object.keys(rest)
      .sort()
      .map((key) => [key, rest[key]]),
    (conditions as Record<string, unknown>[])
      .map(({ type, status: value, reason, message }) => JSON.stringify([type, value, reason, message]))
      .sort(),
  ]);
}
