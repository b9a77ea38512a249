/** How the client commands reach a server: as kubectl does, by a kubeconfig. */
import { homedir } from "node:os";
import { join } from "node:path";
import {
  type Client,
  createClient,
  readKubeconfig,
  type Transport,
  undiciTransport,
} from "../client/index.ts";
import { type Machine, nodePlatform } from "../platform/index.ts";

export interface ConnectionOptions {
  readonly kubeconfig?: string;
  readonly namespace?: string;
}

export interface Session {
  readonly platform: Machine;
  readonly client: Client;
  readonly transport: Transport;
  /** Its URL. */
  readonly server: string;
  /** The one asked for, or the kubeconfig's, or "default". */
  readonly namespace: string;
  close(): Promise<void>;
}

export async function connect(options: ConnectionOptions): Promise<Session> {
  const platform = nodePlatform();
  const config = await readKubeconfig(platform.disk, await kubeconfigPath(platform, options.kubeconfig));
  const transport = namingServer(undiciTransport(config), config.server);
  return {
    platform,
    client: createClient({ transport, userAgent: "raftsman" }),
    transport,
    server: config.server,
    namespace: options.namespace ?? config.namespace ?? "default",
    close: () => transport.close(),
  };
}

/** The file asked for, or that of $KUBECONFIG, or of the home directory. @throws Error where it is missing */
export async function kubeconfigPath(platform: Machine, asked: string | undefined): Promise<string> {
  const named = asked ?? process.env["KUBECONFIG"]?.split(":").find((path) => path !== "");
  const path = named ?? join(homedir(), ".kube/config");
  if (await platform.disk.exists(path)) return path;
  const way = "start one with `raftsman up`, and give the file it names with --kubeconfig or $KUBECONFIG";
  throw new Error(`no kubeconfig at ${path}: ${way}`);
}

/** Says which server it is that a connection failed to: the system's own message has but an address. */
function namingServer(transport: Transport & { close(): Promise<void> }, server: string): typeof transport {
  return {
    close: () => transport.close(),
    async request(request) {
      try {
        return await transport.request(request);
      } catch (error) {
        if (!(error instanceof Error) || request.signal?.aborted) throw error;
        throw new Error(`the server at ${server} cannot be reached: ${error.message}`, { cause: error });
      }
    },
  };
}
