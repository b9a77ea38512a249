import { type AdmissionSelection, parsePodSecurity, standardAdmission } from "../../admission/index.ts";
import {
  type ConfigurationKind,
  configurationDocument,
  isJsonObject,
  type Json,
  parseYaml,
} from "../../apimachinery/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import type { Disk } from "../../platform/index.ts";

const flag = "--admission-control-config-file";
const admissionKind: ConfigurationKind = {
  group: "apiserver.config.k8s.io",
  versions: ["v1", "v1alpha1"],
  kind: "AdmissionConfiguration",
};

/**
 * The selection with what a file says of plugins: apiserver.config.k8s.io AdmissionConfiguration, in which a plugin's own configuration
 * stands, or a file that has it.
 * @throws Error that names the flag and the file
 */
export async function openAdmission(
  disk: Disk,
  {
    admission = standardAdmission,
    admissionConfigFile: path,
  }: {
    readonly admission?: AdmissionSelection;
    readonly admissionConfigFile?: string;
  },
): Promise<AdmissionSelection> {
  if (path === undefined) return admission;
  const read = async (file: string): Promise<Json> => parseYaml(fromUtf8(await disk.readFile(file)));
  const slash = path.lastIndexOf("/");
  const beside = (file: string): string =>
    file.startsWith("/") ? file : `${slash < 0 ? "." : path.slice(0, slash)}/${file}`;
  try {
    let selection = admission;
    for (const { name, path: file, configuration } of pluginsOf(await read(path))) {
      const value = configuration ?? (file === undefined ? undefined : await read(beside(file)));
      if (value === undefined) continue;
      if (name !== "PodSecurity") throw new Error(`plugins: ${name} takes no configuration here`);
      selection = { ...selection, podSecurity: parsePodSecurity(value) };
    }
    return selection;
  } catch (error) {
    throw new Error(`${flag}: ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function pluginsOf(
  value: Json,
): { readonly name: string; readonly path?: string; readonly configuration?: Json }[] {
  const { plugins = [] } = configurationDocument(value, admissionKind);
  if (!Array.isArray(plugins)) throw new Error("plugins: a list was expected");
  return plugins.map((plugin, i) => {
    const { name, path, configuration } = isJsonObject(plugin) ? plugin : {};
    if (typeof name !== "string") throw new Error(`plugins[${i}].name: Required value`);
    return {
      name,
      ...(typeof path === "string" && path !== "" ? { path } : {}),
      ...(configuration === undefined || configuration === null ? {} : { configuration }),
    };
  });
}
