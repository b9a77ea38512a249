import { dns1123SubdomainErrors, type FieldError, field } from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import type { Container, PodSecurityContext, PodSpec } from "./types.ts";

/** What only pods of Windows nodes have, and what they cannot have. */

type WindowsOptions = NonNullable<PodSecurityContext["windowsOptions"]>;

const credentialSpecKibibytesMax = 64;
const domainCharsMax = 256;
const userCharsMax = 104;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const controlCharacters = /[\u0000-\u001f\u007f]/;
const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const domainName =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const userForbids = /["/\\:;|=,+*?<>@[\]]/;

export function validateWindowsOptions(options: WindowsOptions | undefined, path: string): FieldError[] {
  if (options === undefined) return [];
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  return [
    ...(gmsaCredentialSpecName === undefined
      ? []
      : complaints(
          `${path}.gmsaCredentialSpecName`,
          gmsaCredentialSpecName,
          dns1123SubdomainErrors(gmsaCredentialSpecName),
        )),
    ...(gmsaCredentialSpec === undefined
      ? []
      : validateSpec(gmsaCredentialSpec, `${path}.gmsaCredentialSpec`)),
    ...(runAsUserName === undefined
      ? []
      : complaints(`${path}.runAsUserName`, runAsUserName, userNameErrors(runAsUserName))),
  ];
}

function validateSpec(spec: string, path: string): FieldError[] {
  if (spec === "") return [field.invalid(path, spec, "gmsaCredentialSpec cannot be an empty string")];
  if (Buffer.byteLength(spec) <= credentialSpecKibibytesMax * 1024) return [];
  const rule = `gmsaCredentialSpec size must be under ${credentialSpecKibibytesMax} KiB`;
  return [field.invalid(path, spec, rule)];
}

/** `DOMAIN\user` or `user`. */
function userNameErrors(name: string): string[] {
  if (name === "") return ["runAsUserName cannot be an empty string"];
  if (controlCharacters.test(name)) return ["runAsUserName cannot contain control characters"];
  const parts = name.split("\\");
  if (parts.length > 2) return ["runAsUserName cannot contain more than one backslash"];
  const user = parts.at(-1) ?? "";
  const domain = parts.length === 2 ? parts[0] : undefined;
  const errors: string[] = [];
  if (domain !== undefined) {
    if (domain.length >= domainCharsMax)
      errors.push(`runAsUserName's Domain length must be under ${domainCharsMax} characters`);
    if (!netBiosName.test(domain) && !domainName.test(domain))
      errors.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  if (user === "") errors.push("runAsUserName's User cannot be empty");
  else if (user.length > userCharsMax)
    errors.push(`runAsUserName's User length must not be longer than ${userCharsMax} characters`);
  if (/^[. ]+$/.test(user)) errors.push("runAsUserName's User cannot contain only periods or spaces");
  if (userForbids.test(user))
    errors.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  return errors;
}

const lists = ["initContainers", "containers", "ephemeralContainers"] as const;

function eachContainer(
  spec: PodSpec,
  path: string,
  visit: (container: Container, path: string) => FieldError[],
): FieldError[] {
  return lists.flatMap((list) =>
    (spec[list] ?? []).flatMap((container, i) => visit(container, `${path}.${list}[${i}]`)),
  );
}

/** Either all containers are processes of the node or none is, and those use its network. */
export function validateHostProcess(spec: PodSpec, path: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let containers = 0;
  let hostProcesses = 0;
  const errors = eachContainer(spec, path, ({ securityContext }, at) => {
    const ofContainer = securityContext?.windowsOptions?.hostProcess;
    containers++;
    if (ofContainer ?? ofPod ?? false) hostProcesses++;
    if (ofPod === undefined || ofContainer === undefined || ofPod === ofContainer) return [];
    const rule = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
    return [field.invalid(`${at}.securityContext.windowsOptions.hostProcess`, ofContainer, rule)];
  });
  if (hostProcesses === 0) return errors;
  if (hostProcesses !== containers) {
    const rule =
      "If pod contains any hostProcess containers then all containers must be HostProcess containers";
    errors.push(field.invalid(path, "", rule));
  }
  if (spec.hostNetwork !== true) {
    const rule = "hostNetwork must be true if pod contains any hostProcess containers";
    errors.push(field.invalid(`${path}.hostNetwork`, false, rule));
  }
  return errors;
}

const systems = ["linux", "windows"];

/** What the operating system named in `spec.os` rules out. */
export function validateOs(spec: PodSpec, path: string): FieldError[] {
  if (spec.os === undefined) return [];
  const { name } = spec.os;
  if (name === "") return [field.required(`${path}.os.name`, "")];
  if (!systems.includes(name)) return [field.notSupported(`${path}.os`, name, systems)];
  return name === "linux" ? validateLinux(spec, path) : validateWindows(spec, path);
}

function validateLinux(spec: PodSpec, path: string): FieldError[] {
  const rule = "windows options cannot be set for a linux pod";
  const refuse = (security: { windowsOptions?: unknown } | undefined, at: string): FieldError[] =>
    security?.windowsOptions === undefined
      ? []
      : [field.forbidden(`${at}.securityContext.windowsOptions`, rule)];
  return [
    ...refuse(spec.securityContext, path),
    ...eachContainer(spec, path, ({ securityContext }, at) => refuse(securityContext, at)),
  ];
}

/** In upstream's order, which mixes fields of the pod with those of its security context. */
const podForbids = [
  "securityContext.appArmorProfile",
  "securityContext.seLinuxOptions",
  "hostUsers",
  "hostPID",
  "hostIPC",
  "securityContext.seccompProfile",
  "securityContext.fsGroup",
  "securityContext.fsGroupChangePolicy",
  "securityContext.sysctls",
  "shareProcessNamespace",
  "securityContext.runAsUser",
  "securityContext.runAsGroup",
  "securityContext.supplementalGroups",
  "securityContext.supplementalGroupsPolicy",
  "securityContext.seLinuxChangePolicy",
];

const containerForbids = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "runAsUser",
  "runAsGroup",
];

const forbidden = (path: string): FieldError => field.forbidden(path, "cannot be set for a windows pod");

/** `false` of what is no pointer in Go, and an empty list of kernel parameters, are as good as absent. */
function isGiven(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (name === "hostPID" || name === "hostIPC") return value === true;
  return !(name === "securityContext.sysctls" && (value as unknown[]).length === 0);
}

function validateWindows(spec: PodSpec, path: string): FieldError[] {
  const [outer, inner] = [spec, spec.securityContext ?? {}] as const;
  const errors = podForbids
    .filter((name) => {
      const [first, second] = name.split(".");
      return isGiven(name, second === undefined ? outer[first as string] : inner[second]);
    })
    .map((name) => forbidden(`${path}.${name}`));
  return [
    ...errors,
    ...eachContainer(spec, path, ({ securityContext = {} }, at) =>
      containerForbids
        .filter((name) => securityContext[name] !== undefined)
        .map((name) => forbidden(`${at}.securityContext.${name}`)),
    ),
  ];
}
