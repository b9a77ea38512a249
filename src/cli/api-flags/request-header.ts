import { fromUtf8 } from "../../base/index.ts";
import type { ApiPki } from "../../main/index.ts";
import type { Disk } from "../../platform/index.ts";
import type { ApiSettings } from "./settings.ts";

type Trust = NonNullable<ApiPki["requestHeader"]>;

const lists: readonly [Exclude<keyof Trust, "ca">, string][] = [
  ["allowedNames", "requestheader-allowed-names"],
  ["usernameHeaders", "requestheader-username-headers"],
  ["uidHeaders", "requestheader-uid-headers"],
  ["groupHeaders", "requestheader-group-headers"],
  ["extraHeaderPrefixes", "requestheader-extra-headers-prefix"],
];

/**
 * Which proxies are believed, and what they say in which header, as `--requestheader-*` say; what they leave out is as in `standard`.
 * Nobody is where no authority is known.
 * @throws Error that names the flag and the file
 */
export async function requestHeaderOf(
  settings: ApiSettings,
  disk: Disk,
  standard?: Trust,
): Promise<Trust | undefined> {
  const ca = (await readFlagFile(settings, disk, "requestheader-client-ca-file")) ?? standard?.ca;
  if (ca === undefined) return undefined;
  const said = lists.map(([field, flag]) => [
    field,
    settings.isSet(flag) ? settings.list(flag) : (standard?.[field] ?? []),
  ]);
  return { ca, ...(Object.fromEntries(said) as Omit<Trust, "ca">) };
}

/** The text of the file that a flag names; undefined where it names none. @throws Error that names both */
export async function readFlagFile(
  settings: ApiSettings,
  disk: Disk,
  flag: string,
): Promise<string | undefined> {
  const path = settings.text(flag);
  if (path === "") return undefined;
  try {
    return fromUtf8(await disk.readFile(path));
  } catch (error) {
    throw new Error(`--${flag}: ${(error as Error).message}`, { cause: error });
  }
}
