import { isServed } from "../registry/index.ts";
import type { ServedSwitch } from "./config.ts";

/**
 * What stands for more than one version. This server has all stable ones, which can't be switched off, and no other: those that upstream
 * has besides are off by default, and switching on all that there are takes nobody further.
 */
const families: Readonly<Record<string, readonly boolean[]>> = {
  "api/all": [true],
  "api/ga": [true],
  "api/beta": [true, false],
  "api/alpha": [true, false],
};

/** Whether everything is as somebody wants it. @throws Error that names what is not */
export function checkServed(switches: readonly ServedSwitch[]): void {
  for (const { key, on } of switches) {
    const [group = "", version = "", resource] = key.split("/");
    const isSo = families[key]?.includes(on) ?? isServed(group, version, resource) === on;
    if (isSo) continue;
    const why = on ? "is not there" : "cannot be switched off";
    throw new Error(
      `--runtime-config=${key}=${on} asks for something that this server does not do, for ${key} ${why}: leave it out, or use kube-apiserver itself`,
    );
  }
}
