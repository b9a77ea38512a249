import { request as httpRequest, type IncomingMessage } from "node:http";
import type { KubeObject } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { connectKubelet, hostHeader, type KubeletAddress, kubeletOf } from "../connect/kubelet.ts";
import type { Outbound } from "../connect/outbound.ts";

/** A node's answer counts so long: one `kubectl top` asks several times. Milliseconds. */
const freshMs = 1_000;
/** A node that does not answer within this is left out. Milliseconds. */
const patienceMs = 5_000;
/** Bytes of one answer: some 2 KiB a pod. */
const answerBytesMax = 16 * 1024 * 1024;

interface Usage {
  readonly cpu?: { readonly time?: string; readonly usageNanoCores?: number };
  readonly memory?: { readonly workingSetBytes?: number };
}

/** Of k8s.io/kubelet/pkg/apis/stats/v1alpha1, what is looked at. */
export interface Summary {
  readonly node: Usage & { readonly nodeName: string };
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly (Usage & { readonly name: string })[];
  }[];
}

/** What the agents of the nodes say of their use, asked when somebody wants to know. */
export class Summaries {
  readonly #outbound: Outbound;
  readonly #clock: Clock;
  #last: { readonly atMs: number; readonly answer: Promise<Summary[]> } | undefined;

  constructor(outbound: Outbound, clock: Clock) {
    this.#outbound = outbound;
    this.#clock = clock;
  }

  of(nodes: readonly KubeObject[]): Promise<Summary[]> {
    const now = this.#clock.monotonic();
    if (this.#last === undefined || now - this.#last.atMs > freshMs)
      this.#last = { atMs: now, answer: this.#ask(nodes) };
    return this.#last.answer;
  }

  async #ask(nodes: readonly KubeObject[]): Promise<Summary[]> {
    const answers = await Promise.allSettled(nodes.map((node) => this.#askOne(kubeletOf(node))));
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  }

  async #askOne(address: KubeletAddress): Promise<Summary> {
    const path = "/stats/summary";
    const { stream } = await connectKubelet(this.#outbound, address, path);
    const deadline = this.#clock.after(patienceMs, () => void stream.destroy(new Error("no answer in time")));
    try {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const headers = { host: hostHeader(address), connection: "close" };
        const request = httpRequest({ createConnection: () => stream, method: "GET", path, headers });
        request.on("response", resolve);
        request.on("error", reject);
        request.end();
      });
      let text = "";
      for await (const chunk of answer) {
        text += (chunk as Buffer).toString("utf8");
        if (text.length > answerBytesMax) throw new Error("a node says too much");
      }
      if (answer.statusCode !== 200) throw new Error(`a node answers ${answer.statusCode}`);
      return JSON.parse(text);
    } finally {
      deadline.cancel();
      stream.destroy();
    }
  }
}
