import { generateName, type KubeObject } from "../apimachinery/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import { refused } from "./forbidden.ts";
import { concernsPod, mirrorAnnotation, type PodSpec } from "./pods.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest } from "./ports.ts";

const serviceAccounts = { group: "", version: "v1", resource: "serviceaccounts" };
const volumePrefix = "kube-api-access-";
const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const defaultMode = 0o644;
/** A little over an hour, so that renewals do not all fall on the hour: upstream's WarnOnlyBoundTokenExpirationPeriod. */
const tokenExpirationSeconds = 3607;

/** A new namespace gets its `default` account from a controller: a pod may come a moment earlier. */
const defaultAccountAttempts = 10;
const retryMsMin = 100;
const retryMsSpread = 100;

/** Gives a pod its ServiceAccount: the name, the pull secrets and the volume with the token, the CA and the namespace. */
export function serviceAccount(deps: {
  readonly reader: AdmissionReader;
  readonly clock: Clock;
  readonly random: Random;
}): AdmissionPlugin {
  const pause = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => deps.clock.after(milliseconds, resolve));

  const accountOf = async (request: AdmissionRequest, name: string): Promise<KubeObject> => {
    const at = { namespace: request.namespace, name };
    const cached = await deps.reader.get(serviceAccounts, at);
    if (cached !== undefined) return cached;
    const attempts = name === "default" ? defaultAccountAttempts : 1;
    const retryMs = retryMsMin + deps.random.number() * retryMsSpread;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      if (attempt > 1) await pause(retryMs);
      const found = await deps.reader.get(serviceAccounts, { ...at, fresh: true });
      if (found !== undefined) return found;
    }
    throw refused(
      request,
      `error looking up service account ${request.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    );
  };

  return {
    name: "ServiceAccount",
    resources: ["pods"],
    async mutate(request) {
      const pod = request.object;
      if (pod === undefined || !concernsPod(request, { updates: false })) return;
      if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return;
      const spec: PodSpec = pod["spec"];
      spec.serviceAccountName ||= "default";
      // The old name of the field, which every pod still carries.
      spec.serviceAccount = spec.serviceAccountName;
      const account = await accountOf(request, spec.serviceAccountName);
      if (spec.automountServiceAccountToken ?? account["automountServiceAccountToken"] ?? true) {
        mountToken(spec, () => deps.random.number());
      }
      const pullSecrets = account["imagePullSecrets"] ?? [];
      if ((spec.imagePullSecrets?.length ?? 0) === 0 && pullSecrets.length > 0) {
        spec.imagePullSecrets = pullSecrets.map(({ name }: { name: string }) => ({ name }));
      }
    },
  };
}

function mountToken(spec: PodSpec, random: () => number): void {
  const volumes: { name: string }[] = spec.volumes ?? [];
  const present = volumes.find((volume) => volume.name.startsWith(volumePrefix));
  const name = present?.name ?? generateName(volumePrefix, random);
  let mounted = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const mounts: { mountPath: string }[] = container.volumeMounts ?? [];
    if (mounts.some((mount) => mount.mountPath === mountPath)) continue;
    container.volumeMounts = [...mounts, { name, readOnly: true, mountPath }];
    mounted = true;
  }
  if (mounted && present === undefined) spec.volumes = [...volumes, tokenVolume(name)];
}

function tokenVolume(name: string): { name: string; projected: object } {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenExpirationSeconds, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
      defaultMode,
    },
  };
}
