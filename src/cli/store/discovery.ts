import type { DiscoveryConfig } from "../../member/index.ts";
import type { Disk } from "../../platform/index.ts";
import type { Settings } from "../flag-table.ts";

/** Where the other members of a new cluster are found: `--discovery-token`, `--discovery-endpoints` and how to speak to those. @throws Error */
export async function discoveryOf(settings: Settings, disk: Disk): Promise<DiscoveryConfig | undefined> {
  const token = settings.text("discovery-token");
  const given = settings.text("discovery-endpoints");
  if ((token === "") !== (given === ""))
    throw new Error("both --discovery-token and --discovery-endpoints must be set");
  if (token === "") return undefined;
  if (settings.text("initial-cluster") !== "")
    throw new Error(
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery", "discovery-endpoints" or "discovery-srv"',
    );
  const endpoints = given.split(",").map((endpoint) => endpoint.trim());
  if (endpoints.includes("")) throw new Error("--discovery-endpoints must not contain empty endpoints");
  const tls = await tlsOf(settings, disk);
  return {
    token,
    endpoints: endpoints.map((one) => (one.includes("://") || tls === undefined ? one : `https://${one}`)),
    tls,
    requestTimeoutMs: settings.duration("discovery-request-timeout"),
  };
}

async function tlsOf(settings: Settings, disk: Disk): Promise<DiscoveryConfig["tls"]> {
  const read = async (flag: string) => {
    const path = settings.text(flag);
    return path === "" ? undefined : Buffer.from(await disk.readFile(path)).toString("utf8");
  };
  const [cert, key, ca] = await Promise.all(
    ["discovery-cert", "discovery-key", "discovery-cacert"].map(read),
  );
  const secure = !settings.boolean("discovery-insecure-transport");
  if (!secure && cert === undefined && key === undefined && ca === undefined) return undefined;
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    unverified: settings.boolean("discovery-insecure-skip-tls-verify"),
  };
}
