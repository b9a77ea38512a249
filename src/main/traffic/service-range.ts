import type { Connection, Machine, Network } from "../../platform/index.ts";
import { firstAddress } from "../cidr.ts";

/** kube-proxy's health port. */
const statusPort = 10_256;

/** A range of cluster IPs that no other proxy of this machine serves, as long as the claim is held. */
export interface ServiceRange {
  readonly range: string;
  /** Where its proxy tells how it is: the first address of the range, on kube-proxy's health port. */
  readonly statusAddress: string;
  /** Hands over connections to the status address; they are closed until then. */
  onConnection(serve: (connection: Connection) => void): void;
  release(): Promise<void>;
}

/**
 * Claims the first of these ranges whose status address is free: two clusters on one machine must not answer for each other's Services.
 * @throws Error that says so where none is
 */
export async function claimServiceRange(network: Network, ranges: readonly string[]): Promise<ServiceRange> {
  let serve = ({ stream }: Connection): void => void stream.destroy();
  for (const range of ranges) {
    const host = firstAddress(range);
    try {
      const listener = await network.listen({ host, port: statusPort }, (connection) => serve(connection));
      return {
        range,
        statusAddress: `${host}:${statusPort}`,
        onConnection: (next) => {
          serve = next;
        },
        release: () => listener.close(),
      };
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === "EADDRNOTAVAIL")
        throw new Error(
          `${host} is no address of this machine, so nothing can listen on cluster IPs out of ${range}: use a part of 127.0.0.0/8, give this machine the range (ip route add local ${range} dev lo), or --no-proxy`,
        );
      if (code !== "EADDRINUSE") throw error;
    }
  }
  throw new Error(
    `another cluster on this machine serves ${ranges.join(", ")} (${firstAddress(ranges[0] as string)}:${statusPort} is taken): give this one --service-cluster-ip-range, such as 127.97.0.0/16, or --no-proxy`,
  );
}

/** What `up` may choose from: 127.96.0.0/16 and the ranges after it. */
export const loopbackServiceRanges: readonly string[] = Array.from(
  { length: 32 },
  (_, index) => `127.${96 + index}.0.0/16`,
);

/** Makes all addresses of the range this machine's own. @throws Error where that is not allowed */
export async function routeHere(
  { processes }: Pick<Machine, "processes">,
  range: string,
): Promise<{ remove(): Promise<void> }> {
  const route = async (verb: "replace" | "delete"): Promise<void> => {
    const child = await processes.spawn({
      file: "ip",
      args: ["route", verb, "local", range, "dev", "lo"],
      env: processes.environment(),
      cwd: "/",
      stdin: false,
      output: "pipe",
    });
    let complaint = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    child.stdout?.resume();
    const { exitCode } = await child.ended;
    if (exitCode !== 0 && verb === "replace")
      throw new Error(
        `the range of Services cannot be routed to this machine: ip route: ${complaint.trim()}`,
      );
  };
  await route("replace");
  return { remove: () => route("delete") };
}
