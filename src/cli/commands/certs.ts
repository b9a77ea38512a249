import { ensurePki, firstAddress } from "../../main/index.ts";
import { nodePlatform } from "../../platform/index.ts";

export async function certs(
  directory: string,
  options: { tlsSan: string; serviceClusterIpRange: string },
): Promise<void> {
  const hosts = options.tlsSan.split(",").filter((host) => host !== "");
  const pki = await ensurePki(nodePlatform(), directory, {
    hosts,
    serviceAddress: firstAddress(options.serviceClusterIpRange),
  });
  process.stdout.write(`certificates in ${pki.directory}\n`);
}
