import { createAuthority, issueCertificate } from "../../auth/index.ts";
import type { Catalog } from "../../catalog/index.ts";
import type { Client, EventRecorder, InformerFactory } from "../../client/index.ts";
import { type Address, listenOrFree } from "../../member/index.ts";
import type { Machine } from "../../platform/index.ts";
import type { Router, RouterAddresses } from "../../router/index.ts";
import type { Log, Metrics } from "../../telemetry/index.ts";

export interface RouterConfig {
  readonly http: Address;
  readonly https: Address;
  /** auto: HAProxy where it is installed. */
  readonly driver: "auto" | "haproxy" | "embedded";
  /** Where HAProxy's maps, configuration and sockets are; a temporary one, removed at the end, when left out. */
  readonly directory?: string;
  readonly accessLog: boolean;
}

/** The router with the driver that is wanted, and a certificate of its own for hosts without one. @throws Error where an address is taken */
export async function startConfiguredRouter(
  config: RouterConfig,
  parts: {
    machine: Machine;
    client: Client;
    catalog: Catalog;
    informers: InformerFactory;
    log: Log;
    recorder: EventRecorder;
    signal: AbortSignal;
    metrics?: Metrics;
  },
): Promise<Router> {
  const { machine, log, metrics } = parts;
  // Neither HAProxy's driver nor undici is read where nobody routes.
  const { hasHaproxy, startEmbeddedDriver, startHaproxyDriver, startRouter } = await import(
    "../../router/index.ts"
  );
  const authority = createAuthority("raftsman-router", machine);
  const defaultCertificate = issueCertificate(
    authority,
    { commonName: "raftsman-router", dnsNames: ["raftsman-router"], usages: ["server"] },
    machine,
  );
  const listen = {
    http: await freeAddress(machine, config.http),
    https: await freeAddress(machine, config.https),
  };
  const withHaproxy =
    config.driver === "haproxy" || (config.driver === "auto" && (await hasHaproxy(machine)));
  const temporary = withHaproxy && config.directory === undefined;
  const directory =
    config.directory ?? (withHaproxy ? await machine.disk.makeTemporaryDirectory("raftsman-router-") : "");
  const removeDirectory = async (): Promise<void> => {
    if (temporary) await machine.disk.remove(directory);
  };
  const common = { log, listen, defaultCertificate, ...(metrics === undefined ? {} : { metrics }) };
  try {
    const router = await startRouter({
      ...parts,
      platform: machine,
      publishAddress: listen.http.host,
      startDriver: (endpointsOf) =>
        withHaproxy
          ? startHaproxyDriver({ ...common, machine, directory, endpointsOf })
          : startEmbeddedDriver({ ...common, platform: machine, endpointsOf, accessLog: config.accessLog }),
    });
    return {
      ...router,
      async close() {
        await router.close();
        await removeDirectory();
      },
    };
  } catch (error) {
    await removeDirectory();
    throw error;
  }
}

/** The address as wanted, with a port that was free a moment ago where it says so. */
async function freeAddress({ network }: Machine, address: Address): Promise<RouterAddresses["http"]> {
  const listener = await listenOrFree(address, ({ host, port }) =>
    network.listen({ host, port }, ({ stream }) => stream.destroy()),
  );
  await listener.close();
  return { host: listener.host, port: listener.port };
}
