import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { type Client, errorText, type Log } from "../../client/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Pod } from "./pod.ts";

/** A token is asked for anew when so much of its life is over, as the kubelet does. */
const refreshShare = 0.8;

/** Tokens of pods' service accounts, bound to the pod. */
export class PodTokens {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known = new Map<string, { readonly token: string; readonly refreshMs: number }>();

  constructor({ client, clock, log }: { client: Client; clock: Clock; log: Log }) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /** Undefined where the server gives no tokens. */
  async get(
    pod: Pod,
    { audience, expirationSeconds }: { audience: string | undefined; expirationSeconds: number },
  ): Promise<string | undefined> {
    const { namespace = "", name, uid } = pod.metadata;
    const key = JSON.stringify([uid, audience, expirationSeconds]);
    const known = this.#known.get(key);
    if (known !== undefined && this.#clock.monotonic() < known.refreshMs) return known.token;
    const scope = { group: "", version: "v1", resource: "serviceaccounts", namespace };
    const account = pod.spec.serviceAccountName ?? "default";
    try {
      const answer = await this.#client.create<KubeObject>(
        scope,
        {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          metadata: {},
          spec: {
            audiences: audience === undefined ? [] : [audience],
            expirationSeconds,
            boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid },
          },
        },
        { name: account, subresource: "token" },
      );
      const token: string = answer.status?.token ?? "";
      if (token === "") return undefined;
      this.#known.set(key, {
        token,
        refreshMs: this.#clock.monotonic() + expirationSeconds * 1000 * refreshShare,
      });
      return token;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#log.debug("the server gives no token", {
        account: `${namespace}/${account}`,
        error: errorText(error),
      });
      return undefined;
    }
  }

  release(podUid: string): void {
    for (const key of this.#known.keys()) if (key.includes(podUid)) this.#known.delete(key);
  }
}
