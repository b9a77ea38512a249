import { join } from "node:path";

/**
 * Where a node keeps what its pods need:
 *
 *   DIRECTORY/pods/UID/pod.json                    what the agent knows (records.ts)
 *   DIRECTORY/pods/UID/volumes/NAME                a volume
 *   DIRECTORY/pods/UID/containers/NAME/root        the container's own directory: each mountPath lies below it
 *   DIRECTORY/pods/UID/containers/NAME/image       an unpacked tarball
 *   DIRECTORY/pods/UID/containers/NAME/N.layer     what the N-th start of a container of an image wrote into its root
 *   DIRECTORY/pods/UID/containers/NAME/N.started   the process id of its program, as soon as that runs
 *   DIRECTORY/images/DIGEST                        a layer of an image
 *   DIRECTORY/pods/UID/containers/NAME/N.log       what the N-th start wrote; N.times: when; N.exit: how it ended
 */
export class PodPlaces {
  readonly directory: string;

  constructor(nodeDirectory: string, uid: string) {
    this.directory = join(nodeDirectory, "pods", uid);
  }

  get record(): string {
    return join(this.directory, "pod.json");
  }

  volume(name: string): string {
    return join(this.directory, "volumes", name);
  }

  container(name: string): ContainerPlaces {
    return new ContainerPlaces(join(this.directory, "containers", name));
  }
}

export class ContainerPlaces {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get root(): string {
    return join(this.directory, "root");
  }

  get image(): string {
    return join(this.directory, "image");
  }

  get resolvConf(): string {
    return join(this.directory, "resolv.conf");
  }

  get hostsFile(): string {
    return join(this.directory, "hosts");
  }

  get hostNameFile(): string {
    return join(this.directory, "hostname");
  }

  /** Where a container of an image puts its root together; in its own namespace alone. */
  get mountPoint(): string {
    return join(this.directory, "rootfs");
  }

  layer(start: number): string {
    return join(this.directory, `${start}.layer`);
  }

  started(start: number): string {
    return join(this.directory, `${start}.started`);
  }

  /** The named pipe of its standard input. */
  get stdin(): string {
    return join(this.directory, "stdin");
  }

  log(start: number): string {
    return join(this.directory, `${start}.log`);
  }

  times(start: number): string {
    return join(this.directory, `${start}.times`);
  }

  exit(start: number): string {
    return join(this.directory, `${start}.exit`);
  }
}
