import { claimWarnings } from "../volume/claim-warnings.ts";
import type { PodSpec } from "./types.ts";
import type { KeyToPath, ProjectedSource, Volume } from "./volume-types.ts";

/** Drivers that nobody keeps, in upstream's order; `as`: what its texts call the field. */
const withoutDriver: readonly { readonly name: string; readonly as?: string; readonly text: string }[] = [
  { name: "photonPersistentDisk", text: "deprecated in v1.11, non-functional in v1.16+" },
  { name: "gitRepo", text: "deprecated in v1.11, and disabled by default in v1.33+" },
  { name: "scaleIO", text: "deprecated in v1.16, non-functional in v1.22+" },
  { name: "flocker", text: "deprecated in v1.22, non-functional in v1.25+" },
  { name: "storageos", as: "storageOS", text: "deprecated in v1.22, non-functional in v1.25+" },
  { name: "quobyte", text: "deprecated in v1.22, non-functional in v1.25+" },
  { name: "glusterfs", text: "deprecated in v1.25, non-functional in v1.26+" },
  { name: "ephemeral", text: "" },
  { name: "cephfs", text: "deprecated in v1.28, non-functional in v1.31+" },
  { name: "rbd", text: "deprecated in v1.28, non-functional in v1.31+" },
];

/** `path`: of the pod's spec. */
export function volumeWarnings({ volumes = [] }: PodSpec, path: string): string[] {
  const deprecated = volumes.flatMap((volume, i) =>
    withoutDriver.flatMap(({ name, as = name, text }) => {
      if (volume[name] === undefined) return [];
      const at = `${path}.volumes[${i}].${as}`;
      return name === "ephemeral"
        ? claimWarnings(volume.ephemeral?.volumeClaimTemplate?.spec, `${at}.volumeClaimTemplate.spec`)
        : [`${at}: ${text}`];
    }),
  );
  return [...deprecated, ...volumes.flatMap(overlapWarnings)];
}

interface Place {
  readonly file: string;
  readonly source: string;
}

/** Files of one volume that would lie in or over each other. */
function overlapWarnings({ name, configMap, secret, downwardAPI, projected }: Volume): string[] {
  const tell = (of: string, places: readonly Place[]): string[] =>
    overlaps(places).map((text) => `volume "${name}" (${of}): overlapping paths: ${text}`);
  const warnings = [
    ...tell(`ConfigMap "${configMap?.name ?? ""}"`, placesOf(configMap?.items, "")),
    ...tell(`Secret "${secret?.secretName ?? ""}"`, placesOf(secret?.items, "")),
    ...tell("DownwardAPI", placesOf(downwardAPI?.items, "")),
  ];
  const places: Place[] = [];
  for (const source of projected?.sources ?? []) {
    const own = projectedPlaces(source);
    if (own === undefined) warnings.push(`volume "${name}" (Projected) has no sources provided`);
    else places.push(...own);
  }
  return [...warnings, ...tell("Projected", places)];
}

function placesOf(items: readonly Pick<KeyToPath, "path">[] | undefined, source: string): Place[] {
  return (items ?? []).map(({ path = "" }) => ({ file: path.replace(/\/+$/, ""), source }));
}

function projectedPlaces(source: ProjectedSource): Place[] | undefined {
  const { configMap, secret, downwardAPI, serviceAccountToken: token } = source;
  if (Object.keys(source).length === 0) return undefined;
  if (configMap?.items !== undefined) return placesOf(configMap.items, `ConfigMap "${configMap.name ?? ""}"`);
  if (secret?.items !== undefined) return placesOf(secret.items, `Secret "${secret.name ?? ""}"`);
  if (downwardAPI?.items !== undefined) return placesOf(downwardAPI.items, "DownwardAPI");
  return token === undefined ? [] : placesOf([token], "ServiceAccountToken");
}

const shown = ({ file, source }: Place): string => (source === "" ? `"${file}"` : `"${file}" (${source})`);

function overlaps(places: readonly Place[]): string[] {
  const isWithin = (a: string, b: string): boolean => `${a}/`.startsWith(`${b}/`);
  return places.flatMap((place, i) =>
    place.file === ""
      ? []
      : places
          .slice(0, i)
          .filter(({ file }) => file !== "" && (isWithin(file, place.file) || isWithin(place.file, file)))
          .map((other) => `${shown(place)} with ${shown(other)}`),
  );
}
