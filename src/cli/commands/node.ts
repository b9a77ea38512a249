import { createClient, readKubeconfig, undiciTransport } from "../../client/index.ts";
import { startProcessNodes } from "../../main/index.ts";
import { nodePlatform } from "../../platform/index.ts";
import { kubeconfigPath } from "../connection.ts";
import { standardErrorLog } from "../standard-error-log.ts";
import { stopSignal } from "../stop-signal.ts";

export interface NodeOptions {
  readonly kubeconfig?: string;
  readonly name?: string;
  readonly dataDir?: string;
  readonly images?: string;
  readonly address: string;
  readonly port: number;
  readonly labels: string;
  readonly leaseDuration: number;
  readonly keepPods?: boolean;
  readonly clusterDns?: string;
  readonly clusterDomain: string;
}

export async function node(options: NodeOptions): Promise<void> {
  const machine = nodePlatform();
  const stop = stopSignal();
  const config = await readKubeconfig(machine.disk, await kubeconfigPath(machine, options.kubeconfig));
  if (config.ca === undefined)
    throw new Error(
      "the kubeconfig names no certificate-authority: the node could not tell the API server's requests from anybody else's",
    );
  const name = options.name ?? (await machine.host()).hostName;
  const transport = undiciTransport(config);
  const { clusterDns: nameserver, clusterDomain: domain } = options;
  const dns = nameserver === undefined ? undefined : { nameserver, server: `${nameserver}:53`, domain };
  const nodes = await startProcessNodes({
    client: createClient({ transport, userAgent: "kubelet" }),
    machine,
    log: standardErrorLog(machine.clock),
    names: [name],
    address: options.address,
    port: options.port,
    directory: options.dataDir ?? ".",
    images: options.images,
    labels: labelsOf(options.labels),
    leaseSeconds: options.leaseDuration,
    dns: async () => dns,
    clientCa: config.ca,
  });
  await Promise.race([nodes.registered, stop.promise]);
  if (!stop.stopped()) process.stdout.write(`ready: node ${name} runs pods of ${config.server}\n`);
  await stop.promise;
  await (options.keepPods === true ? nodes.detach() : nodes.close());
  await transport.close();
}

/** @throws Error that names the flag */
function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const part of text.split(",")) {
    if (part === "") continue;
    const [key = "", value] = part.split(/=(.*)/s);
    if (key === "" || value === undefined) throw new Error(`--labels: key=value was expected: "${part}"`);
    labels[key] = value;
  }
  return labels;
}
