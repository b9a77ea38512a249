import { firstAddress, kubernetesVersion, startApiServer } from "../../main/index.ts";
import { nodePlatform } from "../../platform/index.ts";
import type { ApiSettings } from "../api-flags/settings.ts";
import { giveMemoryBack } from "../give-back.ts";
import { tuneHeap } from "../heap.ts";
import { standardErrorLog } from "../standard-error-log.ts";
import { stopSignal } from "../stop-signal.ts";
import { certificatesOf } from "./certificates.ts";
import { apiConfigOf } from "./config.ts";

/** From this verbosity on details are told. */
const debugVerbosity = 4;

export const versionText = (): string => `Kubernetes ${kubernetesVersion}\n`;

/** Runs until it is told to end, and ends the process: with status 1 where it cannot start or go on. */
export async function run(settings: ApiSettings): Promise<never> {
  const platform = nodePlatform();
  const log = standardErrorLog(platform.clock, settings.number("v") >= debugVerbosity ? "debug" : "info");
  try {
    const config = apiConfigOf(settings);
    const serviceAddress = firstAddress(config.serviceClusterIpRange);
    const readPki = () => certificatesOf(settings, platform, { serviceAddress });
    const pki = await readPki();
    const stop = stopSignal();
    const server = await startApiServer(platform, config, log, pki, readPki);
    await Promise.race([server.ready, stop.promise, server.failed]);
    if (!stop.stopped()) {
      log.info("serving securely", { address: server.apiUrl, etcd: server.etcdUrl });
      tuneHeap();
      giveMemoryBack(platform.clock);
    }
    await Promise.race([stop.promise, server.failed]);
    await server.close();
    process.exit(0);
  } catch (error) {
    log.error("command failed", { err: (error as Error).message });
    process.exit(1);
  }
}
