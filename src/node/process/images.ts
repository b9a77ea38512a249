/**
 * What a container's image is here. There are no containers, so there is nothing to pull:
 *
 *   host                     what is installed on this machine
 *   dir:/srv/app, file:/srv/app     a directory: the working directory, and first on the PATH
 *   dir:/srv/app.tgz, file:…        a tarball (.tar, .tar.gz, .tgz, .tar.xz): unpacked for the container, then the same
 *
 * Everything else is refused with the statuses that a kubelet has for an image it cannot pull.
 */
import { basename, isAbsolute, join } from "node:path";
import type { Files, Processes } from "../../platform/index.ts";

/** An image that cannot be had: `ErrImagePull`, `ErrImageNeverPull` or `InvalidImageName`. */
export class ImageError extends Error {
  readonly reason: "ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName";

  constructor(reason: ImageError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Image {
  /** Undefined for `host`. */
  readonly directory: string | undefined;
}

const tarball = /\.(tar|tgz|txz|tar\.(gz|xz|bz2|zst))$/;

/** `place`: a directory of the container's own, for tarballs. @throws ImageError */
export async function imageOf(
  image: string,
  place: string,
  machine: { readonly files: Files; readonly processes: Processes },
): Promise<Image> {
  if (image === "host") return { directory: undefined };
  const path = /^(?:dir|file):(?:\/\/)?(.*)$/.exec(image)?.[1];
  if (path === undefined) {
    throw new ImageError(
      "ErrImagePull",
      `failed to pull image ${JSON.stringify(image)}: this node runs local processes, not containers, and pulls no images: use "host" for a program that is installed here, or dir:/PATH for a directory or a tarball`,
    );
  }
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
  if (found.kind === "directory") return { directory: path };
  if (!tarball.test(path)) {
    throw new ImageError(
      "ErrImagePull",
      `failed to pull image ${JSON.stringify(image)}: ${path} is neither a directory nor a tarball (.tar, .tar.gz, .tgz, .tar.xz)`,
    );
  }
  await unpack(path, found.modifiedMs, place, machine);
  return { directory: place };
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
