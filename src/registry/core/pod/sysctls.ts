import { type FieldError, field } from "../../../apimachinery/index.ts";
import type { PodSpec } from "./types.ts";

const nameCharsMax = 253;
const nameSegment = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const namePattern = `^(${nameSegment}[\\./])*${nameSegment}$`;
const nameExpression = new RegExp(namePattern);

/** Kernel parameters of the IPC namespace; those below `fs.mqueue.` are too. */
const ipcParameters: ReadonlySet<string> = new Set([
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
  "kernel.shm",
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.msg",
]);

/** Kernel parameters that a pod wants set: each once, by a good name, and none of what it shares with its node. */
export function validateSysctls(spec: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return (spec.securityContext?.sysctls ?? []).flatMap(({ name }, i) => {
    const at = `${path}[${i}].name`;
    const errors: FieldError[] = [];
    if (name === "") errors.push(field.required(at, ""));
    else if (name.length > nameCharsMax || !nameExpression.test(name)) {
      const detail = `must have at most ${nameCharsMax} characters and match regex ${namePattern}`;
      errors.push(field.invalid(at, name, detail));
    } else if (seen.has(name)) errors.push(field.duplicate(at, name));
    seen.add(name);
    const dotted = withDots(name);
    if (spec.hostNetwork === true && dotted.startsWith("net.")) {
      errors.push(field.invalid(at, name, "may not be specified when 'hostNetwork' is true"));
    } else if (
      spec.hostIPC === true &&
      (ipcParameters.has(dotted.replace(/\*.*$/, "")) || dotted.startsWith("fs.mqueue."))
    ) {
      errors.push(field.invalid(at, name, "may not be specified when 'hostIPC' is true"));
    }
    return errors;
  });
}

/** Names may be written as paths, where dots stand for slashes (`net/ipv4/conf/eth0.1/forwarding`). */
function withDots(name: string): string {
  if (/[./]/.exec(name)?.[0] !== "/") return name;
  return name.replace(/[./]/g, (separator) => (separator === "/" ? "." : "/"));
}
