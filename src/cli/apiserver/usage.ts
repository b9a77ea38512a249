import { flagGroups } from "../flag-table.ts";
import { flags } from "./flags.ts";

/** envtest looks here whether a flag is there: each stands at the beginning of a line. */
export function usage(): string {
  return `The resource API alone, on an etcd cluster (etcd itself or "raftsman store"), with kube-apiserver's flags
(https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/). No controllers run.

Usage:
  raftsman apiserver [flags]
  raftsman apiserver --version

${flagGroups(flags)}`;
}
