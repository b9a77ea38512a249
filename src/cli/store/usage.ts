import { apiVersion } from "../../etcdapi/index.ts";
import { flags } from "./flags.ts";

/** As etcd shows it: scripts cut the second word of the first line. */
export function versionText(): string {
  return [
    `etcd Version: ${apiVersion.server}`,
    "Git SHA: raftsman",
    `Go Version: none (Node.js ${process.version})`,
    `Go OS/Arch: ${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
    "",
  ].join("\n");
}

export function usage(): string {
  const of = (effect: string) =>
    [...flags]
      .filter(([name, flag]) => flag.effect === effect && !name.startsWith("experimental-"))
      .map(([name, flag]) => `  --${name} '${flag.default}'\n`)
      .join("");
  return `Usage:

  raftsman store [flags]
    Start a member of the store alone, with etcd's flags (https://etcd.io/docs/v3.6/op-guide/configuration/);
    each may come from the environment, too: ETCD_NAME for --name.
  raftsman store --config-file FILE
    The same from a file; then flags and environment are ignored.
  raftsman store --version

Flags that do what they do in etcd:
${of("honoured")}
Flags that are taken and have no effect, for there is no such part here:
${of("none")}
Flags that are refused unless they say what they say by default:
${of("refused")}`;
}
