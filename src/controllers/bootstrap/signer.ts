import { createHmac } from "node:crypto";
import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf } from "../../client/index.ts";
import type { ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { configMaps } from "../resources.ts";
import { bootstrapSecrets, dataOf, timeLeftMs } from "./tokens.ts";

const clusterInfo = { ...configMaps, namespace: "kube-public" };
const clusterInfoName = "cluster-info";
const signaturePrefix = "jws-kubeconfig-";

/**
 * Signs the kubeconfig of `kube-public/cluster-info` with each bootstrap token that may, so that who has the token can trust it before they
 * trust the server: pkg/controller/bootstrap bootstrapsigner.
 */
export const bootstrapSigner: ControllerDescriptor = {
  name: "bootstrap-signer-controller",
  aliases: ["bootstrapsigner"],
  offByDefault: true,
  create({ client, informers, clock, log, signal }) {
    const tokens = informers.informer(bootstrapSecrets);
    const infos = informers.informer({ ...clusterInfo, fieldSelector: `metadata.name=${clusterInfoName}` });
    const queue = createWorkqueue({ name: "cluster info", clock, log, process: sign });
    const infoKey = keyOf({ metadata: { namespace: clusterInfo.namespace, name: clusterInfoName } });
    const wake = (): void => queue.add(infoKey);
    infos.addHandler({ add: wake, update: wake });
    tokens.addHandler({ add: wake, update: wake, delete: wake });

    async function sign(): Promise<void> {
      const info = infos.lister.getByKey(infoKey);
      const data: Readonly<Record<string, string>> = info?.["data"] ?? {};
      const content = data["kubeconfig"];
      if (info === undefined || content === undefined) return;
      const others = Object.entries(data).filter(([key]) => !key.startsWith(signaturePrefix));
      const signed = Object.fromEntries([...others, ...signatures(content)]);
      const isSame =
        Object.keys(signed).length === Object.keys(data).length &&
        Object.entries(signed).every(([key, value]) => data[key] === value);
      if (isSame) return;
      try {
        await client.update(clusterInfo, { ...info, data: signed });
      } catch (error) {
        // Whoever was first wakes us again.
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
    }

    function signatures(content: string): [string, string][] {
      return tokens.lister.list().flatMap((secret) => {
        const token = tokenForSigning(secret, clock.now());
        return token === undefined
          ? []
          : [[`${signaturePrefix}${token.id}`, detachedSignature(content, token)]];
      });
    }

    return { run: () => workUntil(signal, queue) };
  },
};

interface Token {
  readonly id: string;
  readonly secret: string;
}

function tokenForSigning(object: KubeObject, now: number): Token | undefined {
  const [, id = ""] = /^bootstrap-token-([a-z0-9]{6})$/.exec(object.metadata.name ?? "") ?? [];
  const secret = dataOf(object, "token-secret");
  const isMeant = dataOf(object, "usage-bootstrap-signing") === "true";
  if (id === "" || dataOf(object, "token-id") !== id || secret === "" || !isMeant) return undefined;
  return timeLeftMs(object, now) > 0 ? { id, secret } : undefined;
}

/** A signature in compact form (RFC 7515, appendix F) without what is signed, which lies beside it. */
function detachedSignature(content: string, { id, secret }: Token): string {
  const encoded = (text: string): string => Buffer.from(text).toString("base64url");
  const header = encoded(JSON.stringify({ alg: "HS256", kid: id }));
  const signature = createHmac("sha256", secret)
    .update(`${header}.${encoded(content)}`)
    .digest("base64url");
  return `${header}..${signature}`;
}
