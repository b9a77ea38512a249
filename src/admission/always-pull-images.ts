import { field } from "../apimachinery/index.ts";
import { refused } from "./forbidden.ts";
import { concernsPod, type PodSpec } from "./pods.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./ports.ts";

const lists = ["initContainers", "containers", "ephemeralContainers"];

interface Container {
  readonly image?: string;
  imagePullPolicy?: string;
}

/** Every image is pulled anew, so that who may not pull it cannot run a copy that lies around: upstream's AlwaysPullImages. */
export const alwaysPullImages: AdmissionPlugin = {
  name: "AlwaysPullImages",
  resources: ["pods"],
  mutate(request) {
    const spec = specWithNewImages(request);
    if (spec === undefined) return;
    for (const container of containersOf(spec)) container.imagePullPolicy = "Always";
    for (const { image } of spec.volumes ?? []) if (image) image.pullPolicy = "Always";
  },
  validate(request) {
    const spec = specWithNewImages(request);
    if (spec === undefined) return;
    const check = (path: string, policy: string | undefined): void => {
      if (policy === "Always") return;
      const { detail } = field.notSupported(path, policy, ["Always"]);
      throw refused(request, `${path}: Unsupported value: ${JSON.stringify(policy ?? "")}: ${detail}`);
    };
    for (const list of lists)
      (spec[list] ?? []).forEach((container: Container, i: number) => {
        check(`spec.${list}[${i}].imagePullPolicy`, container.imagePullPolicy);
      });
    (spec.volumes ?? []).forEach((volume: { image?: { pullPolicy?: string } }, i: number) => {
      if (volume.image) check(`spec.volumes[${i}].image.pullPolicy`, volume.image.pullPolicy);
    });
  },
};

const containersOf = (spec: PodSpec): Container[] => lists.flatMap((list) => spec[list] ?? []);

function specWithNewImages(request: AdmissionRequest): PodSpec | undefined {
  const spec: PodSpec = request.object?.["spec"];
  if (spec === undefined || !concernsPod(request, { updates: true })) return undefined;
  if (request.operation === "CREATE") return spec;
  const before = new Set(containersOf(request.old?.["spec"] ?? {}).map(({ image }) => image));
  return containersOf(spec).every(({ image }) => before.has(image)) ? undefined : spec;
}
