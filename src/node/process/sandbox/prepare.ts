/** What a container of an image is started with: the image's defaults, the container's own words, and what the node has for it. */
import { dirname } from "node:path";
import { isClaimed } from "../claims.ts";
import { ConfigError, environmentOf } from "../environment.ts";
import { StartError } from "../launch.ts";
import { mountsOf, subPathOf } from "../mounts.ts";
import type { ImageStore, UnpackedImage } from "../oci/image-store.ts";
import type { ImageConfig } from "../oci/layout.ts";
import type { ContainerPlaces } from "../places.ts";
import type { Container, Pod } from "../pod.ts";
import type { PodContext } from "../pod-context.ts";
import { commandOf, type Program } from "../program.ts";
import { podResolvConf } from "../resolv-conf.ts";
import { terminationMessagePlace } from "../termination-message.ts";
import { whereOf } from "../users.ts";
import { hostNameOf, hostsFile } from "./hosts-file.ts";
import { enterCommand, type Identity, type Mount, startCommand } from "./sandbox.ts";
import type { Sandboxes } from "./sandboxes.ts";

const pathDefault = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** @throws ConfigError, StartError */
export async function prepareSandbox(
  context: PodContext,
  container: Container,
  at: {
    readonly places: ContainerPlaces;
    /** Starts before this one. */
    readonly start: number;
    readonly image: UnpackedImage;
    readonly store: ImageStore;
  },
): Promise<Program> {
  const { pod } = context;
  const { places, start, image, store } = at;
  const { tools, directory } = context.sandboxes as Sandboxes;
  const { identity, home } = await identityOf(pod, container, image, store);
  const hostName = hostNameOf(pod);
  const env = await environmentOf({
    pod,
    container,
    place: context.place(),
    base: { PATH: pathDefault, HOME: home, ...variablesIn(image.config), HOSTNAME: hostName },
    services: context.services(),
    objects: (kind, name) => context.object(kind, name),
  });
  const command = imageCommand(image.config, container, env);
  if (command.length === 0)
    throw new StartError("no command specified: neither the container nor its image names one");
  const workingDirectory = container.workingDir || image.config.workingDirectory || "/";
  const request = {
    ...{ tools, pod, container, places, start, directory, identity, env, command, workingDirectory },
    layers: image.layers.map((layer) => `${store.directory}/${layer}`.slice(directory.length + 1)),
    mounts: [
      ...(await ownMounts(context, container, places, hostName)),
      ...volumeMounts(context, container, env),
    ],
    hostName: pod.spec.hostNetwork === true ? (await context.machine.host()).hostName : hostName,
    network: context.network(),
    processesOf: await firstProcessOf(context, container.targetContainerName),
  };
  return {
    command: startCommand(request),
    startedFile: places.started(start),
    surroundings: {
      env,
      cwd: "/",
      enter: async (inside) => {
        const text = Buffer.from(await context.machine.files.read(places.started(start))).toString();
        return enterCommand(request, Number(text), inside);
      },
    },
  };
}

/** Undefined where no such container of an image runs. */
async function firstProcessOf(context: PodContext, name: string | undefined): Promise<number | undefined> {
  const target = name === undefined ? undefined : context.record.containers.get(name);
  if (name === undefined || target?.state.kind !== "running") return undefined;
  const file = context.places.container(name).started(target.starts - 1);
  const bytes = await context.machine.files.read(file).catch(() => undefined);
  return bytes === undefined ? undefined : Number(Buffer.from(bytes).toString());
}

/** As an image's ENTRYPOINT and CMD go with a container's command and args. */
export function imageCommand(
  { entrypoint, command: preset }: Pick<ImageConfig, "entrypoint" | "command">,
  container: Pick<Container, "command" | "args">,
  env: Readonly<Record<string, string>>,
): string[] {
  const { command = [], args = [] } = container;
  if (command.length > 0) return commandOf(container, env);
  return [...entrypoint, ...(args.length > 0 ? commandOf({ args }, env) : preset)];
}

async function identityOf(
  pod: Pod,
  container: Container,
  image: UnpackedImage,
  store: ImageStore,
): Promise<{ identity: Identity; home: string }> {
  const own = container.securityContext ?? {};
  const { securityContext: shared = {} } = pod.spec;
  const asked = own.runAsUser ?? shared.runAsUser;
  const user = await store.user(image, asked === undefined ? image.config.user : String(asked));
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) === true) {
    const where = whereOf(pod, container);
    const [name = ""] = image.config.user.split(":");
    if (asked === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
    if (asked === undefined && !/^\d*$/.test(name))
      throw new ConfigError(
        `container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root ${where}`,
      );
    if (user.uid === 0)
      throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  }
  const { supplementalGroups = [], fsGroup } = shared;
  const ofImage = shared.supplementalGroupsPolicy === "Strict" ? [] : user.groups;
  const groups = [...ofImage, ...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])];
  const gid = own.runAsGroup ?? shared.runAsGroup ?? user.gid;
  return { identity: { uid: user.uid, gid, groups: [...new Set(groups)] }, home: user.home };
}

function variablesIn({ environment }: ImageConfig): Record<string, string> {
  const variables: Record<string, string> = Object.create(null);
  for (const text of environment) {
    const [name = "", value = ""] = text.split(/=(.*)/s);
    if (name !== "") variables[name] = value;
  }
  return variables;
}

/** Files that the node writes for it. They come before the volumes, which may lie over them. */
async function ownMounts(
  context: PodContext,
  container: Container,
  places: ContainerPlaces,
  hostName: string,
): Promise<Mount[]> {
  const { machine, pod } = context;
  const { files } = machine;
  const dns = await context.dns();
  const hostFile = Buffer.from(await files.read("/etc/hosts").catch(() => new Uint8Array())).toString();
  const { podIp } = context.place();
  const message = terminationMessagePlace(container, places);
  await files.makeDirectory(dirname(places.hostsFile));
  await files.write(
    places.hostsFile,
    Buffer.from(hostsFile(pod, { podIp, clusterDomain: dns?.domain, hostFile })),
    0o644,
  );
  await files.write(places.resolvConf, Buffer.from(await podResolvConf(files, pod, dns)), 0o644);
  await files.write(places.hostNameFile, Buffer.from(`${hostName}\n`), 0o644);
  const mount = (source: string, mountPath: string): Mount => ({
    source,
    subPath: "",
    mountPath,
    readOnly: false,
  });
  return [
    mount(places.hostsFile, "/etc/hosts"),
    mount(places.resolvConf, "/etc/resolv.conf"),
    mount(places.hostNameFile, "/etc/hostname"),
    mount(message.path, container.terminationMessagePath ?? "/dev/termination-log"),
  ];
}

function volumeMounts(
  { pod, places }: PodContext,
  container: Container,
  env: Readonly<Record<string, string>>,
): Mount[] {
  return mountsOf(container).map((one) => ({
    source: places.volume(one.name),
    subPath: subPathOf(one, env),
    mountPath: one.mountPath,
    readOnly: one.readOnly === true || isReadOnly(pod, one.name),
  }));
}

/** Volumes with content of the API are never written to, nor are claimed ones where the pod says so. */
function isReadOnly(pod: Pod, volume: string): boolean {
  const found = pod.spec.volumes?.find(({ name }) => name === volume);
  if (found === undefined || isClaimed(found)) return found?.persistentVolumeClaim?.readOnly === true;
  return found.emptyDir === undefined && found.hostPath === undefined;
}
