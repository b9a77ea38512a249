import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  parseQuantity,
} from "../../../apimachinery/index.ts";
import { validateTemplateMetadata } from "../../rules/template-metadata.ts";
import { complaints } from "../../rules/values.ts";
import { validateClaimSpec } from "../volume/claim-spec.ts";
import {
  needs,
  podRules,
  type SourceCheck,
  type SourceRule,
  sharedRules,
  validateDriverName,
  validateOneSource,
} from "../volume/driver-rules.ts";
import { descendingPath } from "../volume/paths.ts";
import { validatePullPolicy } from "./images.ts";
import { validateDownward, validateItems, validateMode, validateProjected } from "./projected-files.ts";
import type { Volume } from "./volume-types.ts";

type Source<K extends keyof Volume> = NonNullable<Volume[K]>;

/** The rule of one source, which its check gets with its type. */
function rule<K extends keyof Volume>(
  check: (source: Source<K>, path: string) => FieldError[],
  refused?: string,
): SourceRule {
  const untyped = check as unknown as SourceCheck;
  return refused === undefined ? { check: untyped } : { check: untyped, refused };
}

/** Sources in the order in which upstream counts them. */
const rules: Readonly<Record<string, SourceRule>> = {
  emptyDir: rule<"emptyDir">(({ sizeLimit }, path) =>
    sizeLimit === undefined || parseQuantity(sizeLimit).nano >= 0n
      ? []
      : [field.forbidden(`${path}.sizeLimit`, "SizeLimit field must be a valid resource quantity")],
  ),
  hostPath: sharedRules.hostPath,
  gitRepo: rule<"gitRepo">((source, path) => [
    ...needs("repository")(source, path),
    ...descendingPath(source.directory ?? "", `${path}.directory`),
  ]),
  gcePersistentDisk: sharedRules.gcePersistentDisk,
  awsElasticBlockStore: sharedRules.awsElasticBlockStore,
  secret: rule<"secret">((source, path) => [
    ...needs("secretName")(source, path),
    ...validateMode(source.defaultMode, `${path}.defaultMode`),
    ...validateItems(source.items, path),
  ]),
  nfs: sharedRules.nfs,
  iscsi: podRules.iscsi,
  glusterfs: sharedRules.glusterfs,
  flocker: sharedRules.flocker,
  persistentVolumeClaim: { check: needs("claimName") },
  rbd: sharedRules.rbd,
  cinder: podRules.cinder,
  cephfs: sharedRules.cephfs,
  quobyte: sharedRules.quobyte,
  downwardAPI: rule<"downwardAPI">(
    ({ items, defaultMode }, path) => [
      ...validateMode(defaultMode, `${path}.defaultMode`),
      ...validateDownward(items, path),
    ],
    "downwarAPI",
  ),
  fc: sharedRules.fc,
  flexVolume: sharedRules.flexVolume,
  configMap: rule<"configMap">((source, path) => [
    ...needs("name")(source, path),
    ...validateMode(source.defaultMode, `${path}.defaultMode`),
    ...validateItems(source.items, path),
  ]),
  azureFile: sharedRules.azureFile,
  vsphereVolume: sharedRules.vsphereVolume,
  photonPersistentDisk: sharedRules.photonPersistentDisk,
  portworxVolume: sharedRules.portworxVolume,
  azureDisk: sharedRules.azureDisk,
  storageos: podRules.storageos,
  projected: rule<"projected">(({ sources, defaultMode }, path) => [
    ...validateMode(defaultMode, `${path}.defaultMode`),
    ...validateProjected(sources ?? [], path),
  ]),
  scaleIO: sharedRules.scaleIO,
  csi: rule<"csi">(({ driver = "", nodePublishSecretRef: secret }, path) => [
    ...validateDriverName(driver, `${path}.driver`),
    ...(secret === undefined ? [] : validateSecretName(secret.name ?? "", path)),
  ]),
  ephemeral: rule<"ephemeral">(({ volumeClaimTemplate: template }, path) =>
    template === undefined
      ? [field.required(`${path}.volumeClaimTemplate`, "")]
      : [
          ...validateTemplateMetadata(template.metadata ?? {}, `${path}.volumeClaimTemplate.metadata`),
          ...validateClaimSpec(template.spec ?? {}, `${path}.volumeClaimTemplate.spec`),
        ],
  ),
};

function validateSecretName(name: string, path: string): FieldError[] {
  if (name === "") return [field.required(`${path}.nodePublishSecretRef.name`, "")];
  return complaints(`${path}.name`, name, dns1123SubdomainErrors(name));
}

function imageRule(isPod: boolean): SourceRule {
  return rule<"image">(({ reference = "", pullPolicy }, path) => [
    ...(isPod && reference === "" ? [field.required(`${path}.reference`, "")] : []),
    ...validatePullPolicy(pullPolicy, `${path}.pullPolicy`),
  ]);
}

const templateRules = { ...rules, image: imageRule(false) };
const podOnlyRules = { ...rules, image: imageRule(true) };

const longInitiator =
  "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";

/** The node names an interface after both. */
function isLongInitiator({ name, iscsi }: Volume): boolean {
  const { initiatorName, targetPortal = "" } = (iscsi ?? {}) as Readonly<Record<string, string>>;
  return initiatorName !== undefined && `${name}:${targetPortal}`.length > 64;
}

export interface CheckedVolumes {
  readonly errors: readonly FieldError[];
  /** The volumes without fault by name: only these can be mounted. */
  readonly byName: ReadonlyMap<string, Volume>;
}

/** `podName` of a pod that has one; undefined in a template. */
export function checkVolumes(
  volumes: readonly Volume[],
  path: string,
  podName: string | undefined,
): CheckedVolumes {
  const byName = new Map<string, Volume>();
  const claims = new Set(
    volumes.flatMap(({ ephemeral, name }) =>
      ephemeral !== undefined && podName ? [`${podName}-${name}`] : [],
    ),
  );
  const errors = volumes.flatMap((volume, i) => {
    const at = `${path}[${i}]`;
    const { name } = volume;
    const found = validateOneSource(podName === undefined ? templateRules : podOnlyRules, volume, at);
    if (isLongInitiator(volume)) found.push(field.invalid(`${at}.name`, name, longInitiator));
    if (volume.ephemeral !== undefined && podName && name !== "") {
      const claim = `${podName}-${name}`;
      const problems = dns1123SubdomainErrors(claim).map((text) => `PVC name "${claim}": ${text}`);
      found.push(...complaints(`${at}.name`, name, problems));
    }
    if (name === "") found.push(field.required(`${at}.name`, ""));
    else found.push(...complaints(`${at}.name`, name, dns1123LabelErrors(name)));
    if (byName.has(name)) found.push(field.duplicate(`${at}.name`, name));
    if (found.length === 0) byName.set(name, volume);
    const claimName = volume.persistentVolumeClaim?.claimName;
    if (claimName !== undefined && claims.has(claimName))
      found.push(
        field.invalid(
          `${at}.persistentVolumeClaim.claimName`,
          claimName,
          "must not reference a PVC that gets created for an ephemeral volume",
        ),
      );
    return found;
  });
  return { errors, byName };
}
