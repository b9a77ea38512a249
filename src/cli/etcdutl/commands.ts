/** etcdutl's commands and flags, as etcd 3.6 has them. */

import { apiVersion } from "../../etcdapi/index.ts";
import { nodePlatform } from "../../platform/index.ts";
import { createEtcdLog } from "../store/log.ts";
import type { UtlCommand, UtlFlag } from "./command.ts";
import { completionOf, shells } from "./completion.ts";
import { defragment, migrate } from "./directory.ts";
import { formats, printed } from "./printer.ts";
import { hashKv, snapshotRestore, snapshotStatus } from "./snapshot.ts";

const platform = nodePlatform();
const write = (text: string) => void process.stdout.write(text);
const log = createEtcdLog(
  {
    clock: platform.clock,
    level: "info",
    format: "console",
    write: (line) => void process.stderr.write(line),
    timestamp: (milliseconds) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z"),
  },
  "etcdutl",
);

/** Of every command. */
export const sharedFlags: readonly UtlFlag[] = [
  {
    name: "write-out",
    shorthand: "w",
    kind: "string",
    default: "simple",
    help: `set the output format (${formats.join(", ")})`,
  },
];

const text = (name: string, value: string, help: string): UtlFlag => ({
  name,
  kind: "string",
  default: value,
  help,
});
const dataDir = (help: string): UtlFlag => ({ ...text("data-dir", "", help), required: true });
const localPeer = "http://localhost:2380";

const status: UtlCommand = {
  name: "status",
  operands: "<filename>",
  help: "Gets backend snapshot status of a given file",
  run: async (files, flags) => {
    const format = flags("write-out");
    write(printed(await snapshotStatus(platform, files, format), format));
  },
};

const restore: UtlCommand = {
  name: "restore",
  operands: "<filename> --data-dir {output dir} [options]",
  help: "Restores an etcd member snapshot to an etcd directory",
  flags: [
    text("data-dir", "", "Path to the output data directory"),
    text("wal-dir", "", "Path to the WAL directory (use --data-dir if none given)"),
    text("initial-cluster", `default=${localPeer}`, "Initial cluster configuration for restore bootstrap"),
    text(
      "initial-cluster-token",
      "etcd-cluster",
      "Initial cluster token for the etcd cluster during restore bootstrap",
    ),
    text(
      "initial-advertise-peer-urls",
      localPeer,
      "List of this member's peer URLs to advertise to the rest of the cluster",
    ),
    text("name", "default", "Human-readable name for this member"),
    {
      name: "skip-hash-check",
      kind: "bool",
      default: "false",
      help: "Ignore snapshot integrity hash value (required if copied from data directory)",
    },
    {
      name: "initial-memory-map-size",
      kind: "uint",
      default: String(10 * 1024 ** 3),
      help: "Initial memory map size of the database in bytes. It uses the default value if not defined or defined to 0",
    },
    {
      name: "bump-revision",
      kind: "uint",
      default: "0",
      help: "How much to increase the latest revision after restore",
    },
    {
      name: "mark-compacted",
      kind: "bool",
      default: "false",
      help: "Mark the latest revision after restore as the point of scheduled compaction (required if --bump-revision > 0, disallowed otherwise)",
    },
  ],
  run: (files, flags) => snapshotRestore(platform, log, files, flags),
};

const commands: readonly UtlCommand[] = [
  {
    name: "completion",
    operands: `[${shells.join("|")}]`,
    help: "Generate completion script",
    argumentCount: 1,
    choices: shells,
    run: async ([shell = ""]) => write(completionOf(etcdutl, shell)),
  },
  {
    name: "defrag",
    help: "Defragments the storage of the etcd",
    flags: [dataDir("Required. Defragments a data directory not in use by etcd.")],
    run: (_, flags) => defragment(platform, log, flags),
  },
  {
    name: "hashkv",
    operands: "<filename>",
    help: "Prints the KV history hash of a given file",
    flags: [
      { name: "rev", kind: "int", default: "0", help: "maximum revision to hash (default: latest revision)" },
    ],
    argumentCount: 1,
    run: async (files, flags) => write(printed(await hashKv(platform, files, flags), flags("write-out"))),
  },
  { name: "help", operands: "[command]", help: "Help about any command" },
  {
    name: "migrate",
    help: "Migrates schema of etcd data dir files to make them compatible with different etcd version",
    flags: [
      dataDir("Path to the etcd data dir"),
      {
        ...text(
          "target-version",
          "",
          'Target etcd version to migrate contents of data dir. Minimal value 3.5. Format "X.Y" for example 3.6.',
        ),
        required: true,
      },
      {
        name: "force",
        kind: "bool",
        default: "false",
        help: "Ignore migration failure and forcefully override storage version. Not recommended.",
      },
    ],
    run: (_, flags) => migrate(platform, log, flags),
  },
  { name: "snapshot", help: "Manages etcd node snapshots", commands: [restore, status] },
  {
    name: "version",
    help: "Prints the version of etcdutl",
    run: async () =>
      write(
        `etcdutl version: ${apiVersion.server}\nAPI version: ${apiVersion.server.replace(/\.\d+$/, "")}\n`,
      ),
  },
];

export const etcdutl: UtlCommand = {
  name: "etcdutl",
  help: "An administrative command line tool for etcd3.",
  commands,
};
