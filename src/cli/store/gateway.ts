/**
 * `bin/etcd gateway start`: one address for the members of a cluster. Takes TCP connections and joins each to the next member that accepts one; TLS
 * passes through untouched.
 */
import { Command } from "commander";
import { parseDuration } from "../../apimachinery/index.ts";
import { type Network, nodePlatform } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { startForwarder } from "../forwarder.ts";
import { stopSignal } from "../stop-signal.ts";

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

interface GatewayOptions {
  readonly listenAddr: string;
  readonly endpoints: string;
  readonly retryDelay: string;
  readonly discoverySrv: string;
}

/** `args`: what stands behind `gateway`. Runs until it is told to end. @throws Error that says what is wrong */
export async function runGateway(args: readonly string[], log: Log): Promise<void> {
  const start = args.indexOf("start");
  const command = new Command("etcd gateway")
    .usage("start [flags]")
    .description("Forwards TCP connections to the members of a cluster, in turn.")
    .option("--listen-addr <address>", "where to listen", "127.0.0.1:23790")
    .option("--endpoints <list>", "members, separated by commas", "127.0.0.1:2379")
    .option("--retry-delay <duration>", "until an endpoint that failed is tried again", "1m0s")
    .option("--discovery-srv <domain>", "refused: name the members by --endpoints", "");
  if (start < 0) return command.help();
  // As cobra has it, flags may stand on either side of the word.
  const { listenAddr, endpoints, retryDelay, discoverySrv } = command
    .parse(args.toSpliced(start, 1), { from: "user" })
    .opts<GatewayOptions>();
  if (discoverySrv !== "")
    throw new Error("--discovery-srv is not looked up here: name the members by --endpoints");
  const members = endpoints.split(",").map((one) => endpointOf("--endpoints", stripScheme(one.trim())));
  const listen = endpointOf("--listen-addr", listenAddr);
  const retryMs = Number(parseDuration(retryDelay) ?? -1n) / 1e6;
  if (retryMs < 0) throw new Error(`--retry-delay: a duration such as 1m0s was expected: ${retryDelay}`);
  const itself = members.find((one) => isSame(one, listen));
  if (itself !== undefined)
    throw new Error(
      `SRV or endpoint (${shown(itself)}) should not resolve to the gateway listen addr (${listenAddr})`,
    );
  const platform = nodePlatform();
  const { clock, network } = platform;
  const health = new Health(members, network, log);
  const forwarder = await startForwarder(
    platform,
    listen,
    () => health.active,
    (target, error) => health.failed(target, error),
  );
  const retrying = clock.every(retryMs || defaultRetryMs, () => void health.retry());
  log.info("ready to proxy client requests", { endpoints: members.map(shown) });
  await stopSignal().promise;
  retrying.cancel();
  await forwarder.close();
  process.exit(0);
}

/** etcd's, where 0 is asked for. */
const defaultRetryMs = 300_000;

/** Which members accept connections, as far as it is known. */
class Health {
  readonly #members: readonly Endpoint[];
  readonly #network: Network;
  readonly #log: Log;
  readonly #failed = new Set<Endpoint>();

  constructor(members: readonly Endpoint[], network: Network, log: Log) {
    this.#members = members;
    this.#network = network;
    this.#log = log;
  }

  get active(): readonly Endpoint[] {
    return this.#members.filter((one) => !this.#failed.has(one));
  }

  failed(member: Endpoint, error: Error): void {
    if (this.#failed.has(member)) return;
    this.#failed.add(member);
    this.#log.warn("deactivated endpoint", { address: shown(member), error: error.message });
  }

  /** Tries those that failed. */
  async retry(): Promise<void> {
    for (const member of [...this.#failed]) {
      try {
        const { stream } = await this.#network.connect({ ...member, timeoutMs: retryTimeoutMs });
        stream.destroy();
        this.#failed.delete(member);
        this.#log.info("activated", { address: shown(member) });
      } catch (error) {
        this.#log.warn("failed to activate endpoint (stay inactive for another interval)", {
          address: shown(member),
          error: (error as Error).message,
        });
      }
    }
  }
}

const retryTimeoutMs = 5000;

/** The gateway sees bytes only, whatever they are. */
function stripScheme(endpoint: string): string {
  return endpoint.replace(/^[a-z]+:\/\//i, "").replace(/\/.*$/, "");
}

/** @throws Error that names the flag */
function endpointOf(flag: string, text: string): Endpoint {
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535 || (host.includes(":") && !/^\[.*\]$/.test(host)))
    throw new Error(`${flag}: host:port was expected: ${text}`);
  return { host: host.replace(/^\[|\]$/g, "") || "0.0.0.0", port: Number(port) };
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  const plain = ({ host }: Endpoint) => (host === "localhost" ? "127.0.0.1" : host);
  return a.port === b.port && plain(a) === plain(b);
}

function shown({ host, port }: Endpoint): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
