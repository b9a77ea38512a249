/** Everything that a container's start needs, out of its spec and image: the program as a command, and where it finds what it asks for. */
import { environmentOf } from "./environment.ts";
import { expand } from "./expand.ts";
import { imageOf } from "./images.ts";
import { findProgram, StartError } from "./launch.ts";
import { mount, pathOf, rootVariable } from "./mounts.ts";
import type { ContainerPlaces } from "./places.ts";
import type { Container } from "./pod.ts";
import type { PodContext } from "./pod-context.ts";
import { commandOf, type Program, variablesOf } from "./program.ts";
import { dnsVariable, writeResolvConf } from "./resolv-conf.ts";
import { prepareSandbox } from "./sandbox/prepare.ts";
import { joinNetwork } from "./sandbox/sandbox.ts";
import type { Sandboxes } from "./sandbox/sandboxes.ts";
import { userOf } from "./users.ts";

/** Of the agent's own environment; the rest is nobody's business. */
const inherited = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];
const pathDefault = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `start`: how many there were before. @throws ConfigError, ImageError, StartError */
export async function prepareProgram(
  context: PodContext,
  container: Container,
  at: { readonly places: ContainerPlaces; readonly start: number },
): Promise<Program> {
  const image = await imageOf(container, at.places.image, context.machine, context.sandboxes?.images);
  if (image.kind === "unpacked") return prepareSandbox(context, container, { ...at, ...image });
  return prepareLocal(context, container, at.places, image.directory);
}

/** A program of this machine. */
async function prepareLocal(
  context: PodContext,
  container: Container,
  places: ContainerPlaces,
  directory: string | undefined,
): Promise<Program> {
  const { machine, pod } = context;
  const dns = await context.dns();
  const network = context.network();
  // Without privileges the address of Services has no port below 1024; in a network of its own there is no other.
  const server = network === undefined ? dns?.server : dns && `${dns.nameserver}:53`;
  const { env: userEnv, ...user } = await userOf(pod, container, machine);
  const env = await environmentOf({
    pod,
    container,
    place: context.place(),
    base: {
      ...localEnvironment(context, places, directory),
      ...userEnv,
      ...(server && { [dnsVariable]: server }),
    },
    services: context.services(),
    objects: (kind, name) => context.object(kind, name),
  });
  await mount(machine.files, container, pod.spec.volumes ?? [], context.places, env);
  await writeResolvConf(machine.files, { pod, container, root: places.root, place: places.resolvConf, dns });
  const command = commandOf(container, env);
  if (command.length === 0)
    throw new StartError(
      "no command specified: without a container image a program must be named in spec.containers[].command",
    );
  const cwd = container.workingDir
    ? pathOf(expand(container.workingDir, variablesOf(env)), container, places.root)
    : (directory ?? places.root);
  if (network === undefined) return { surroundings: { env, cwd, ...user }, command };
  // Who enters a namespace is root until then.
  const enter = async (inside: readonly string[]): Promise<readonly string[]> => {
    const [program = "", ...rest] = inside;
    const path = await findProgram(machine.files, program, env["PATH"] ?? "", cwd);
    return [...joinNetwork((context.sandboxes as Sandboxes).tools, network, user), path, ...rest];
  };
  return { surroundings: { env, cwd, enter }, command: await enter(command) };
}

function localEnvironment(
  { machine, pod, place }: PodContext,
  places: ContainerPlaces,
  directory: string | undefined,
): Record<string, string> {
  const host = machine.processes.environment();
  const base: Record<string, string> = {};
  for (const name of inherited) if (host[name] !== undefined) base[name] = host[name];
  const path = base["PATH"] ?? pathDefault;
  base["PATH"] = directory === undefined ? path : `${directory}:${directory}/bin:${path}`;
  return {
    ...base,
    HOSTNAME: pod.spec.hostname ?? pod.metadata.name ?? "",
    POD_NAME: pod.metadata.name ?? "",
    POD_NAMESPACE: pod.metadata.namespace ?? "",
    POD_IP: place().podIp,
    [rootVariable]: places.root,
  };
}
