/** An OCI image layout for tests, out of programs of this machine. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

export const architecture = arch() === "x64" ? "amd64" : arch();

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Puts a blob into the layout. */
export function blob(layout: string, content: Uint8Array | object, mediaType: string): Descriptor {
  const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
  const hex = createHash("sha256").update(bytes).digest("hex");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "blobs/sha256", hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

/** A layer with these files: contents by path, or `{ copyOf }` a file of this machine. */
export function layerOf(
  layout: string,
  files: Readonly<Record<string, string | { readonly copyOf: string }>>,
): Descriptor {
  const root = mkdtempSync(join(tmpdir(), "raftsman-layer-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (typeof content === "string") writeFileSync(join(root, path), content);
    else copyFileSync(realpathSync(content.copyOf), join(root, path));
  }
  const archive = execFileSync("tar", ["-c", "-C", root, "."], { maxBuffer: 256 << 20 });
  rmSync(root, { recursive: true });
  return blob(layout, archive, "application/vnd.oci.image.layer.v1.tar");
}

/** Programs of this machine, by name or path, each with the libraries that it is linked with. */
export function programs(names: readonly string[]): Record<string, { readonly copyOf: string }> {
  const files: Record<string, { readonly copyOf: string }> = {};
  for (const name of names) {
    const path = execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    files[`/bin/${basename(name)}`] = { copyOf: path };
    for (const [, library = ""] of execFileSync("ldd", [path], { encoding: "utf8" }).matchAll(
      /(\/\S+) \(0x/g,
    ))
      files[library] = { copyOf: library };
  }
  return files;
}

/** The manifest of an image. */
export function manifestOf(layout: string, layers: readonly Descriptor[], config: object): Descriptor {
  const settings = blob(
    layout,
    { architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: [] } },
    "application/vnd.oci.image.config.v1+json",
  );
  const manifest = { schemaVersion: 2, config: settings, layers };
  return blob(layout, manifest, "application/vnd.oci.image.manifest.v1+json");
}

export function writeIndex(layout: string, images: Readonly<Record<string, object>>): void {
  const manifests = Object.entries(images).map(([name, descriptor]) => ({
    ...descriptor,
    annotations: { "org.opencontainers.image.ref.name": name },
  }));
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}
