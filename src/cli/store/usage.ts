import { apiVersion } from "../../etcdapi/index.ts";
import { flagGroups } from "../flag-table.ts";
import { flags } from "./flags.ts";

/** First words that are no flags: `tools.ts`. */
export const toolNames: readonly string[] = ["restore", "verify", "dump-wal", "dump-snapshot"];

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
  return `Usage:

  raftsman store [flags]
    Start a member of the store alone, with etcd's flags (https://etcd.io/docs/v3.6/op-guide/configuration/);
    each may come from the environment, too: ETCD_NAME for --name.
  raftsman store --config-file FILE
    The same from a file; then flags and environment are ignored.
  raftsman store --version

  raftsman store gateway start --endpoints LIST
    Forward TCP connections to the members of a cluster, in turn; --help shows etcd's flags.
  raftsman store restore SNAPSHOT --data-dir DIR
    Make a member's data directory of a snapshot that etcdctl saved, of this store or of etcd; --help shows etcdutl's flags.
  raftsman store verify DIR
    Read everything in the data directory of a member that does not run, and say whether it is whole.
  raftsman store dump-wal DIR, raftsman store dump-snapshot DIR
    Show its log, entry by entry, or its newest image, key by key.

${flagGroups(flags, (name) => !name.startsWith("experimental-"))}`;
}
