/**
 * Images in an OCI image layout, the directory that `skopeo copy docker://busybox oci:/srv/images:busybox` and `docker buildx build
 * --output type=oci,tar=false` write: `index.json`, and everything else under `blobs` by its digest. One layout holds any number of
 * images. It is read anew at every question, so images can be added at any time.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Files } from "../../../platform/index.ts";
import { parseReference, type Reference } from "./reference.ts";

/** Of an index, a manifest or a configuration. Bytes. */
const documentBytesMax = 4 * 1024 * 1024;
/** An index may name indexes; nobody nests them deeper. */
const indexDepthMax = 3;
/** All of them stand in one option of one mount(2), which takes a page. */
const layersMax = 100;
const readBytes = 1024 * 1024;
const digestPattern = /^sha256:([0-9a-f]{64})$/;

/** The layout does not have what it says, or what a layout has to. */
export class LayoutError extends Error {}

/** How a program of the image starts where the container does not say. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `NAME=value` */
  readonly environment: readonly string[];
  readonly workingDirectory: string;
  /** `user`, `uid`, `user:group`, …; "" for root. */
  readonly user: string;
}

export interface ImageManifest {
  readonly digest: string;
  readonly config: ImageConfig;
  /** Digests of archives, the lowest first. */
  readonly layers: readonly string[];
}

export interface Platform {
  /** As Go names it: amd64, arm64. */
  readonly architecture: string;
}

interface Descriptor {
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly architecture?: string; readonly os?: string };
}

export class ImageLayout {
  readonly #files: Files;
  readonly directory: string;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.directory = directory;
  }

  /** Undefined where there is none of this name for this machine. @throws LayoutError */
  async find(reference: Reference, platform: Platform): Promise<ImageManifest | undefined> {
    const index = record(await this.#document(join(this.directory, "index.json")));
    const named = descriptorsOf(index).filter((one) => isNamed(one, reference));
    for (const descriptor of named) {
      const found = await this.#manifest(descriptor, platform, indexDepthMax);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The file of a blob. @throws LayoutError where its bytes are not those of its name */
  async verified(digest: string): Promise<string> {
    const path = this.#blob(digest);
    const size = (await this.#files.status(path))?.bytes;
    if (size === undefined) throw new LayoutError(`${path}: no such file, but the image needs it`);
    const hash = createHash("sha256");
    for (let position = 0; position < size; position += readBytes)
      hash.update(await this.#files.readAt(path, position, readBytes));
    if (`sha256:${hash.digest("hex")}` !== digest)
      throw new LayoutError(`${path} is not what its name says: copy the image again`);
    return path;
  }

  async #manifest(at: Descriptor, platform: Platform, depth: number): Promise<ImageManifest | undefined> {
    const { os = "linux", architecture = platform.architecture } = at.platform ?? {};
    if (os !== "linux" || architecture !== platform.architecture) return undefined;
    const document = record(await this.#document(await this.verified(at.digest)));
    if (Array.isArray(document["manifests"])) {
      for (const one of depth === 0 ? [] : descriptorsOf(document)) {
        const found = await this.#manifest(one, platform, depth - 1);
        if (found !== undefined) return found;
      }
      return undefined;
    }
    const config = record(await this.#document(await this.verified(digestOf(document["config"]))));
    if ((config["architecture"] ?? platform.architecture) !== platform.architecture) return undefined;
    const layers = list(document["layers"]).map(digestOf);
    if (layers.length > layersMax)
      throw new LayoutError(
        `the image has ${layers.length} layers, more than the ${layersMax} that one mount takes: squash it`,
      );
    return { digest: at.digest, config: configOf(record(config["config"])), layers };
  }

  #blob(digest: string): string {
    const hex = digestPattern.exec(digest)?.[1];
    if (hex === undefined)
      throw new LayoutError(`${this.directory}: ${JSON.stringify(digest)} is no sha256 digest`);
    return join(this.directory, "blobs", "sha256", hex);
  }

  async #document(path: string): Promise<unknown> {
    const size = (await this.#files.status(path))?.bytes;
    if (size === undefined)
      throw new LayoutError(
        `${path}: no such file: an OCI image layout is needed, such as skopeo copy writes`,
      );
    if (size > documentBytesMax) throw new LayoutError(`${path} has more than ${documentBytesMax} bytes`);
    try {
      return JSON.parse(Buffer.from(await this.#files.read(path)).toString());
    } catch (error) {
      throw new LayoutError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** By digest, or by one of the annotations that tools write: the short name, or all of it. */
function isNamed({ digest, annotations = {} }: Descriptor, reference: Reference): boolean {
  if (reference.digest !== undefined) return digest === reference.digest;
  return ["org.opencontainers.image.ref.name", "io.containerd.image.name"].some((key) => {
    const name = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    return typeof name === "string" && parseReference(name)?.name === reference.name;
  });
}

function configOf(config: Readonly<Record<string, unknown>>): ImageConfig {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const texts = (value: unknown): string[] => list(value).filter((one) => typeof one === "string");
  return {
    entrypoint: texts(config["Entrypoint"]),
    command: texts(config["Cmd"]),
    environment: texts(config["Env"]),
    workingDirectory: text(config["WorkingDir"]),
    user: text(config["User"]),
  };
}

const descriptorsOf = (index: Readonly<Record<string, unknown>>): Descriptor[] =>
  list(index["manifests"]).filter((one): one is Descriptor => typeof record(one)["digest"] === "string");

const digestOf = (descriptor: unknown): string => String(record(descriptor)["digest"]);

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
