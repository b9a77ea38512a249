/**
 * Networks of pods: each has a namespace of its own with one address, joined by a bridge to the others of the node. The machine has the
 * range's first address on the bridge, which is where pods send all else: to Services, to the machine, and by its routes to the other
 * nodes' pods. Namespaces and bridge outlive the agent as programs do; what is there already is taken as it is.
 */
import type { Listener, Machine } from "../../../platform/index.ts";
import { runCommand } from "../run-command.ts";

/** A few calls of ip(8). Milliseconds. */
const setUpMsMax = 30_000;
/** On the range's first address: who listens there has the range. The kubelet's health port. */
const claimPort = 10_248;
/** Where ip(8) keeps namespaces. */
const namespaces = "/run/netns";

const openScript = `set -e
ip link show "$1" > /dev/null 2>&1 || ip link add "$1" type bridge
ip address replace "$2" dev "$1"
ip link set "$1" up
echo 1 > /proc/sys/net/ipv4/ip_forward`;

const addScript = `set -e
bridge=$1 name=$2 port=$3 address=$4 gateway=$5
if [ -e "${namespaces}/$name" ]; then exit 0; fi
ip netns add "$name"
trap 'ip netns delete "$name"' EXIT
ip link add "$port" type veth peer name eth0 netns "$name"
ip link set "$port" master "$bridge" up
ip -n "$name" link set lo up
ip -n "$name" address add "$address" dev eth0
ip -n "$name" link set eth0 up
ip -n "$name" route add default via "$gateway"
trap - EXIT`;

export class PodNetwork {
  readonly #machine: Machine;
  readonly #bridge: string;
  readonly #gateway: string;
  readonly #prefix: string;
  #claim: Listener | undefined;

  private constructor(machine: Machine, cidr: string) {
    const [network = "", prefix = ""] = cidr.split("/");
    const bytes = network.split(".").map(Number);
    this.#machine = machine;
    this.#prefix = prefix;
    this.#gateway = [...bytes.slice(0, 3), (bytes[3] ?? 0) + 1].join(".");
    // Named after its range, so that an agent that comes back finds its own.
    this.#bridge = `rm-${Buffer.from(bytes).toString("hex")}`;
  }

  /** @throws Error where this machine lets nobody do that, or the range is another node's */
  static async open(machine: Machine, cidr: string): Promise<PodNetwork> {
    const network = new PodNetwork(machine, cidr);
    await network.#run(openScript, [network.#bridge, `${network.#gateway}/${network.#prefix}`]);
    await network.#take();
    return network;
  }

  /** Of two nodes with one range, such as those of two clusters, the pods would have the same addresses, and the first to end would take the others' bridge along. */
  async #take(): Promise<void> {
    const at = { host: this.#gateway, port: claimPort };
    try {
      this.#claim = await this.#machine.network.listen(at, ({ stream }) => stream.destroy());
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
      throw new Error(
        `another node on this machine has pods in ${this.#gateway}/${this.#prefix}: give the clusters different --pod-cidr`,
      );
    }
  }

  /** Makes the pod's namespace where it is not there yet. @throws Error */
  async add(podUid: string, address: string): Promise<void> {
    const port = `rv${podUid.replaceAll("-", "").slice(0, 12)}`;
    const parts = [this.#bridge, nameOf(podUid), port, `${address}/${this.#prefix}`, this.#gateway];
    await this.#run(addScript, parts);
  }

  async remove(podUid: string): Promise<void> {
    await this.#run('[ ! -e "$1/$2" ] || ip netns delete "$2"', [namespaces, nameOf(podUid)]);
  }

  /** The bridge goes; pods' namespaces have gone with them. */
  async close(): Promise<void> {
    await this.#claim?.close();
    await this.#run('ip link delete "$1"', [this.#bridge]);
  }

  /** What nsenter(1) takes. */
  fileOf(podUid: string): string {
    return `${namespaces}/${nameOf(podUid)}`;
  }

  async #run(script: string, parts: readonly string[]): Promise<void> {
    const { PATH = "" } = this.#machine.processes.environment();
    const { exitCode, output } = await runCommand(this.#machine, {
      command: ["/bin/sh", "-c", script, "sh", ...parts],
      env: { PATH: `${PATH}:/usr/sbin:/sbin:/usr/bin:/bin` },
      cwd: "/",
      timeoutMs: setUpMsMax,
    });
    if (exitCode !== 0) throw new Error(`pod network: ${output.trim() || `set-up ended with ${exitCode}`}`);
  }
}

const nameOf = (podUid: string): string => `raftsman-${podUid}`;
