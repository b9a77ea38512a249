import { notBool, parseBool } from "../../base/index.ts";
import type { ServedSwitch } from "../../main/index.ts";

/** --runtime-config: `api/all=true`, `GROUP/VERSION=false`, `GROUP/VERSION/RESOURCE`. @throws Error in kube-apiserver's words */
export function runtimeConfig(entries: readonly string[]): ServedSwitch[] {
  return entries.map((entry) => {
    const [key = "", ...rest] = entry.split("=");
    const value = rest.join("=");
    const on = value === "" ? true : parseBool(value);
    if (on === undefined) throw new Error(`invalid value of ${key}: ${value}, err: ${notBool(value)}`);
    const parts = key.split("/");
    if (parts.length !== 2 && parts.length !== 3) throw new Error(`runtime-config invalid key ${key}`);
    return { key, on };
  });
}
