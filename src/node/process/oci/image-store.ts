/** The images of a node: found by name in a layout, unpacked into layers beside the node's pods. */
import { join } from "node:path";
import type { Machine } from "../../../platform/index.ts";
import { LayerStore } from "./layers.ts";
import { type ImageConfig, ImageLayout } from "./layout.ts";
import type { Reference } from "./reference.ts";
import { type ImageUser, userIn } from "./users.ts";

/** Of a passwd or group file. Bytes. */
const accountsBytesMax = 1024 * 1024;

export interface UnpackedImage {
  /** `name@digest` */
  readonly id: string;
  readonly config: ImageConfig;
  /** Directories below the store's, the lowest first. */
  readonly layers: readonly string[];
}

export class ImageStore {
  readonly #machine: Machine;
  readonly #layout: ImageLayout;
  readonly #layers: LayerStore;
  /** Where the layers are. */
  readonly directory: string;

  /** `layout`: where images are; `directory`: for what is unpacked of them. */
  constructor(machine: Machine, layout: string, directory: string) {
    this.#machine = machine;
    this.#layout = new ImageLayout(machine.files, layout);
    this.directory = directory;
    this.#layers = new LayerStore(machine, directory);
  }

  get source(): string {
    return this.#layout.directory;
  }

  /** Undefined where the layout has none of this name for this machine. @throws LayoutError */
  async get(reference: Reference): Promise<UnpackedImage | undefined> {
    const { architecture } = await this.#machine.host();
    const found = await this.#layout.find(reference, { architecture });
    if (found === undefined) return undefined;
    const { config, digest } = found;
    await this.#machine.files.makeDirectory(this.directory);
    const layers: string[] = [];
    for (const layer of found.layers)
      layers.push(await this.#layers.have(layer, () => this.#layout.verified(layer)));
    return { id: `${reference.name.replace(/(@|:(?=[^/]*$)).*$/, "")}@${digest}`, config, layers };
  }

  /** @throws UserError */
  async user(image: UnpackedImage, user: string): Promise<ImageUser> {
    return userIn(user, {
      passwd: await this.#file(image, "passwd"),
      group: await this.#file(image, "group"),
    });
  }

  /** A file of /etc, out of the uppermost layer that has it. A link could lead out of the image: it counts as none. */
  async #file({ layers }: UnpackedImage, name: string): Promise<string> {
    const { files } = this.#machine;
    for (const layer of layers.toReversed()) {
      const etc = join(this.directory, layer, "etc");
      const path = join(etc, name);
      if ((await files.linkTarget(etc)) !== undefined || (await files.linkTarget(path)) !== undefined)
        continue;
      const bytes = await files.readAt(path, 0, accountsBytesMax).catch(() => undefined);
      if (bytes !== undefined) return Buffer.from(bytes).toString();
    }
    return "";
  }
}
