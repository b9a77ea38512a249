/**
 * What a container's image is here. Nothing is ever pulled:
 *
 *   host                     what is installed on this machine
 *   dir:/srv/app, file:/srv/app     a directory: the working directory, and first on the PATH
 *   dir:/srv/app.tgz, file:…        a tarball (.tar, .tar.gz, .tgz, .tar.xz): unpacked for the container, then the same
 *   busybox:1.37, …          an image of the node's layout, where it has one (oci/layout.ts)
 *
 * Everything else is refused with the statuses that a kubelet has for an image it cannot pull.
 */
import { basename, isAbsolute, join } from "node:path";
import type { Files, Processes } from "../../platform/index.ts";
import type { ImageStore, UnpackedImage } from "./oci/image-store.ts";
import { LayoutError } from "./oci/layout.ts";
import { parseReference } from "./oci/reference.ts";
import type { Container } from "./pod.ts";

/** An image that cannot be had: `ErrImagePull`, `ErrImageNeverPull` or `InvalidImageName`. */
export class ImageError extends Error {
  readonly reason: "ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName";

  constructor(reason: ImageError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

export type Image =
  /** Programs of this machine; `directory` is undefined for `host`. */
  | { readonly kind: "local"; readonly directory: string | undefined }
  /** A root of its own. */
  | { readonly kind: "unpacked"; readonly image: UnpackedImage; readonly store: ImageStore };

const localPath = /^(?:dir|file):(?:\/\/)?(.*)$/;

/** Whether its program is one of this machine, without a root of its own. */
export const isLocal = ({ image = "" }: Container): boolean => image === "host" || localPath.test(image);

const tarball = /\.(tar|tgz|txz|tar\.(gz|xz|bz2|zst))$/;

/** `place`: a directory of the container's own, for tarballs. @throws ImageError */
export async function imageOf(
  { image = "", imagePullPolicy }: Container,
  place: string,
  machine: { readonly files: Files; readonly processes: Processes },
  store: ImageStore | undefined,
): Promise<Image> {
  if (image === "host") return { kind: "local", directory: undefined };
  const path = localPath.exec(image)?.[1];
  if (path !== undefined) return { kind: "local", directory: await directoryOf(image, path, place, machine) };
  if (store !== undefined) return storedImage(image, store, imagePullPolicy);
  throw new ImageError(
    "ErrImagePull",
    `failed to pull image ${JSON.stringify(image)}: this node runs local processes and pulls no images: use "host" for a program that is installed here, dir:/PATH for a directory or a tarball, or give the node a layout of images with --images`,
  );
}

/** @throws ImageError */
async function storedImage(
  name: string,
  store: ImageStore,
  policy: Container["imagePullPolicy"],
): Promise<Image> {
  const reference = parseReference(name);
  if (reference === undefined)
    throw new ImageError(
      "InvalidImageName",
      `Failed to apply default image tag ${JSON.stringify(name)}: couldn't parse image name ${JSON.stringify(name)}: invalid reference format`,
    );
  try {
    const image = await store.get(reference);
    if (image !== undefined) return { kind: "unpacked", image, store };
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    throw new ImageError("ErrImagePull", `failed to pull image ${JSON.stringify(name)}: ${error.message}`);
  }
  if (policy === "Never")
    throw new ImageError(
      "ErrImageNeverPull",
      `Container image ${JSON.stringify(name)} is not present with pull policy of Never`,
    );
  throw new ImageError(
    "ErrImagePull",
    `failed to pull image ${JSON.stringify(name)}: this node pulls no images, and ${store.source} has no ${reference.name}: skopeo copy docker://${reference.name} oci:${store.source}:${reference.name}`,
  );
}

/** @throws ImageError */
async function directoryOf(
  image: string,
  path: string,
  place: string,
  machine: { readonly files: Files; readonly processes: Processes },
): Promise<string> {
  if (!isAbsolute(path))
    throw new ImageError(
      "InvalidImageName",
      `image ${JSON.stringify(image)} must name an absolute path, as dir:/srv/app does`,
    );
  const found = await machine.files.status(path);
  if (found === undefined)
    throw new ImageError(
      "ErrImagePull",
      `failed to pull image ${JSON.stringify(image)}: ${path}: no such file or directory on this node`,
    );
  if (found.kind === "directory") return path;
  if (!tarball.test(path)) {
    throw new ImageError(
      "ErrImagePull",
      `failed to pull image ${JSON.stringify(image)}: ${path} is neither a directory nor a tarball (.tar, .tar.gz, .tgz, .tar.xz)`,
    );
  }
  await unpack(path, found.modifiedMs, place, machine);
  return place;
}

/** Into `place`, once for every version of the tarball. */
async function unpack(
  path: string,
  modifiedMs: number,
  place: string,
  { files, processes }: { readonly files: Files; readonly processes: Processes },
): Promise<void> {
  const mark = join(place, "..", `.unpacked-${basename(place)}`);
  const version = `${path} ${modifiedMs}`;
  const present = await files.read(mark).catch(() => undefined);
  if (present !== undefined && Buffer.from(present).toString() === version) return;
  await files.remove(place);
  await files.makeDirectory(place);
  const tar = await processes.spawn({
    file: "tar",
    args: ["-xf", path, "-C", place, "--no-same-owner"],
    env: processes.environment(),
    cwd: place,
    stdin: false,
    output: "pipe",
  });
  let complaint = "";
  tar.stderr?.on("data", (chunk: Buffer) => {
    if (complaint.length < 1000) complaint += chunk.toString();
  });
  tar.stdout?.resume();
  const { exitCode } = await tar.ended;
  if (exitCode !== 0)
    throw new ImageError(
      "ErrImagePull",
      `failed to unpack ${path}: ${complaint.trim() || `tar ended with ${exitCode}`}`,
    );
  await files.write(mark, Buffer.from(version), 0o644);
}
