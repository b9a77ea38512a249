import * as fs from "node:fs";
import { join } from "node:path";
import type { FileStatus, Files } from "./process-ports.ts";

/** Entries of one tree that `usage` looks at: enough for a pod's directory, and an end for one that grows under our feet. */
const usageEntriesMax = 100_000;

/** Files of this machine, for programs. */
export function nodeFiles(): Files {
  return {
    async makeDirectory(path, mode) {
      await fs.promises.mkdir(path, { recursive: true, mode: mode ?? 0o755 });
      // The process's umask takes bits from what mkdir is told.
      if (mode !== undefined) await fs.promises.chmod(path, mode);
    },
    async write(path, content, mode) {
      await fs.promises.writeFile(path, content, { mode });
      await fs.promises.chmod(path, mode);
    },
    read: (path) => fs.promises.readFile(path),
    async readAt(path, position, length) {
      const handle = await fs.promises.open(path, "r");
      try {
        const buffer = Buffer.allocUnsafe(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return buffer.subarray(0, done);
      } finally {
        await handle.close();
      }
    },
    append: (path, content) => fs.promises.appendFile(path, content),
    appendStream: (path) => fs.createWriteStream(path, { flags: "a" }),
    async truncate(path, content) {
      const handle = await fs.promises.open(path, "r+");
      try {
        await handle.truncate(0);
        await handle.write(content, 0, content.length, 0);
      } finally {
        await handle.close();
      }
    },
    async link(target, path) {
      const temporary = `${path}.new`;
      await fs.promises.rm(temporary, { force: true });
      await fs.promises.symlink(target, temporary);
      await fs.promises.rename(temporary, path);
    },
    linkTarget: (path) => fs.promises.readlink(path).catch(() => undefined),
    rename: (from, to) => fs.promises.rename(from, to),
    own: (path, { uid = -1, gid = -1 }) => fs.promises.lchown(path, uid, gid),
    setMode: (path, mode) => fs.promises.chmod(path, mode),
    list: async (path) => (await fs.promises.readdir(path)).sort(),
    status,
    // A program that is just ending may still write into it.
    remove: (path) => fs.promises.rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }),
    removeDirectory: (path) => fs.promises.rmdir(path),
    usage,
    async space(path) {
      const { bsize, blocks, bavail } = await fs.promises.statfs(path);
      return { total: bsize * blocks, available: bsize * bavail };
    },
    watch(path, changed) {
      try {
        const watcher = fs.watch(path, { persistent: false }, () => changed());
        watcher.on("error", () => {});
        return () => watcher.close();
      } catch {
        // Out of watches, or the path is gone: whoever watches also looks now and then.
        return () => {};
      }
    },
  };
}

async function status(path: string): Promise<FileStatus | undefined> {
  try {
    const found = await fs.promises.stat(path);
    return {
      kind: found.isFile()
        ? "file"
        : found.isDirectory()
          ? "directory"
          : found.isSocket()
            ? "socket"
            : "other",
      bytes: found.size,
      modifiedMs: found.mtimeMs,
      executable: (found.mode & 0o111) !== 0,
      mode: found.mode & 0o7777,
      gid: found.gid,
    };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "ELOOP") return undefined;
    throw error;
  }
}

async function usage(path: string): Promise<number> {
  const rest = [path];
  let bytes = 0;
  for (let entries = 0; entries < usageEntriesMax; entries++) {
    const next = rest.pop();
    if (next === undefined) break;
    const found = await fs.promises.lstat(next).catch(() => undefined);
    if (found === undefined) continue;
    bytes += found.blocks * 512;
    if (!found.isDirectory()) continue;
    for (const name of await fs.promises.readdir(next).catch((): string[] => [])) rest.push(join(next, name));
  }
  return bytes;
}
