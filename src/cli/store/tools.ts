/** `raftsman store restore|verify|dump-wal|dump-snapshot`: what people do with the data of a member that does not run. */
import { Command } from "commander";
import { inspectDirectory } from "../../member/index.ts";
import { nodePlatform } from "../../platform/index.ts";
import { createLog } from "../../telemetry/index.ts";
import { offlineConfig } from "./offline-config.ts";
import { type RestoreOptions, restore } from "./restore.ts";

const platform = nodePlatform();
const write = (line: string) => void process.stdout.write(`${line}\n`);

/** @throws Error that says what is wrong */
export async function runTool(args: readonly string[]): Promise<void> {
  // Whoever reads our output may have seen enough.
  process.stdout.on("error", () => process.exit(0));
  const program = new Command("raftsman store");
  program
    .command("restore")
    .summary("make a data directory of a snapshot")
    .description(
      "Makes the data directory of a new cluster's member of a snapshot that etcdctl saved, of this store or of etcd. For several members run it once for each, with the same snapshot and --initial-cluster; then start every member with the same flags on its directory.",
    )
    .argument("<snapshot>")
    .option("--data-dir <dir>", "the directory to make (NAME.etcd)")
    .option("--wal-dir <dir>", "where the log goes (in the data directory)")
    .option("--name <name>", "of this member", "default")
    .option(
      "--initial-cluster <list>",
      "NAME=URL of every member, separated by commas",
      "default=http://localhost:2380",
    )
    .option("--initial-cluster-token <token>", "tells clusters apart", "etcd-cluster")
    .option("--initial-advertise-peer-urls <urls>", "of this member", "http://localhost:2380")
    .option("--skip-hash-check", "take a copy of a database, which has no hash behind it", false)
    .option(
      "--bump-revision <n>",
      "let so many revisions pass, so that none that clients know comes again",
      Number,
      0,
    )
    .option(
      "--mark-compacted",
      "with --bump-revision: what is before is compacted, so that watchers read anew",
      false,
    )
    .action((snapshot: string, options: RestoreFlags) => restoreCommand(snapshot, options));
  program
    .command("verify")
    .description(
      "Reads everything in a data directory of a member that does not run, and says whether it is whole. Ends with status 1 where it is not.",
    )
    .argument("<dir>")
    .option("--wal-dir <dir>", "where the log is (in the data directory)")
    .action((directory: string, options: { walDir?: string }) => verify(directory, options));
  program
    .command("dump-wal")
    .description("Shows the log, an entry a line: index, term, what it says.")
    .argument("<dir>", "the data directory of a member that does not run")
    .option("--wal-dir <dir>", "where the log is (in the data directory)")
    .option("--from <index>", "leave out what is before", Number, 0)
    .action((directory: string, options: { walDir?: string; from: number }) => dumpWal(directory, options));
  program
    .command("dump-snapshot")
    .description(
      "Shows the newest image: members, leases, alarms, users, roles, and every version of every key (revision, key, bytes of the value, version, lease).",
    )
    .argument("<dir>", "the data directory of a member that does not run")
    .option("--values", "show the values, too", false)
    .action((directory: string, options: { values: boolean }) => dumpSnapshot(directory, options));
  await program.parseAsync(args, { from: "user" });
}

interface RestoreFlags extends Omit<RestoreOptions, "snapshot" | "dataDir"> {
  readonly dataDir?: string;
  readonly markCompacted: boolean;
}

async function restoreCommand(snapshot: string, options: RestoreFlags): Promise<void> {
  const { bumpRevision, markCompacted, ...rest } = options;
  if (!Number.isSafeInteger(bumpRevision) || bumpRevision < 0)
    throw new Error("--bump-revision: a number of revisions was expected");
  if (bumpRevision > 0 !== markCompacted) throw new Error("--mark-compacted required if --bump-revision > 0");
  const dataDir = options.dataDir ?? `${options.name}.etcd`;
  const log = createLog({
    sink: (line) => process.stderr.write(line),
    now: Date.now,
    level: "warn",
    format: "text",
  });
  const { revision, keys } = await restore(platform, log, { ...rest, snapshot, dataDir, bumpRevision });
  write(`${dataDir} holds ${keys} keys at revision ${revision}`);
}

async function verify(directory: string, { walDir }: { walDir?: string }): Promise<void> {
  const found = await inspectDirectory(platform, offlineConfig(directory, walDir));
  const problems: string[] = [];
  try {
    write(`member ${found.identity}`);
    const indexes = new Set<number>([0]);
    for (const path of found.images) {
      try {
        const { meta, state } = await found.image(path);
        indexes.add(meta.index);
        write(`image  ${path}: index ${meta.index}, term ${meta.term}, revision ${state.revision}, whole`);
        state.close();
      } catch (error) {
        problems.push(`image ${path}: ${(error as Error).message}`);
      }
    }
    try {
      const { hardState, snapshot, entries, segments, torn } = await found.log();
      const [first, last] = [entries[0]?.index, entries.at(-1)?.index];
      const bytes = segments.reduce((sum, one) => sum + one.bytes, 0);
      write(
        `log    ${segments.length} segments, ${bytes} bytes, ${entries.length === 0 ? "no entries" : `entries ${first} to ${last}`}, term ${hardState?.term ?? 0}, committed ${hardState?.commit ?? 0}${torn ? ", its last write cut short by a crash, which the next start repairs" : ""}`,
      );
      for (const entry of entries) found.describe(entry);
      const marked = snapshot?.index ?? 0;
      if (!indexes.has(marked) && (first ?? 0) !== 1)
        problems.push(`log: it begins behind the image at index ${marked}, which is missing or damaged`);
    } catch (error) {
      problems.push(`log: ${(error as Error).message}`);
    }
  } finally {
    await found.close();
  }
  if (problems.length > 0) throw new Error(`${directory} is damaged: ${problems.join("; ")}`);
  write("whole");
}

async function dumpWal(
  directory: string,
  { walDir, from }: { walDir?: string; from: number },
): Promise<void> {
  const found = await inspectDirectory(platform, offlineConfig(directory, walDir));
  try {
    const { hardState, snapshot, entries } = await found.log();
    write(
      `term ${hardState?.term ?? 0}, vote ${(hardState?.vote ?? 0n).toString(16)}, committed ${hardState?.commit ?? 0}, image at index ${snapshot?.index ?? 0}`,
    );
    for (const entry of entries)
      if (entry.index >= from) write(`${entry.index}\t${entry.term}\t${found.describe(entry)}`);
  } finally {
    await found.close();
  }
}

async function dumpSnapshot(directory: string, { values }: { values: boolean }): Promise<void> {
  const found = await inspectDirectory(platform, offlineConfig(directory, undefined));
  try {
    const newest = found.images.at(-1);
    if (newest === undefined)
      throw new Error(`there is no image in ${directory} yet: everything is in the log (dump-wal)`);
    const { meta, state } = await found.image(newest);
    const { leases, alarms, access } = state;
    write(
      `index ${meta.index}, term ${meta.term}, revision ${state.revision}, compacted at ${state.compactRevision}`,
    );
    for (const one of state.members)
      write(
        `member ${one.id.toString(16)} ${JSON.stringify(one.name)} ${one.peerUrls.join(",")}${one.learner ? " learner" : ""}`,
      );
    for (const { id, ttlSeconds } of leases)
      write(`lease ${BigInt.asUintN(64, id).toString(16)} ${ttlSeconds} s`);
    for (const { alarm, member } of alarms) write(`alarm ${alarm} ${member.toString(16)}`);
    if (access.users.length > 0) write(`auth ${access.enabled ? "enabled" : "disabled"}`);
    for (const { name, roles } of access.users) write(`user ${JSON.stringify(name)} ${roles.join(",")}`);
    for (const { name, permissions } of access.roles)
      write(`role ${JSON.stringify(name)} ${permissions.length} permissions`);
    for (const { kv, sub, deleted } of state.versions()) {
      const head = `${kv.modRevision}/${sub}\t${shown(kv.key)}`;
      const lease = kv.lease === 0n ? "" : `\tlease ${BigInt.asUintN(64, kv.lease).toString(16)}`;
      if (deleted) write(`${head}\tdeleted`);
      else
        write(
          `${head}\t${kv.value.length} bytes\tversion ${kv.version}${lease}${values ? `\t${shown(kv.value)}` : ""}`,
        );
    }
    state.close();
  } finally {
    await found.close();
  }
}

/** As JSON writes it, so that nothing in it moves the terminal's cursor. */
function shown(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes).toString("latin1"));
}
