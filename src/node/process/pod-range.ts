import { errorText, type Log } from "../../client/index.ts";
import type { Machine } from "../../platform/index.ts";
import { PodAddresses } from "../agent/addresses.ts";
import { PodNetwork } from "./sandbox/pod-network.ts";

/**
 * The addresses of a node's pods, as far as programs of this machine can have them: an address of 127.0.0.0/8 is the machine's own on
 * Linux; any other belongs to a network namespace of the pod's own where the node makes such, and has to be given to an interface first
 * where it does not. Where the range is nobody's, pods share the node's address.
 */
export class PodRange {
  readonly #machine: Machine;
  readonly #log: Log;
  readonly #namespaces: boolean;
  #podNetwork: PodNetwork | undefined;
  #cidr = "";
  #addresses: PodAddresses | undefined;
  #shared = false;

  /** `namespaces`: pods are to have networks of their own, where the range is none of 127.0.0.0/8. */
  constructor(machine: Machine, log: Log, { namespaces }: { readonly namespaces: boolean }) {
    this.#machine = machine;
    this.#log = log;
    this.#namespaces = namespaces;
  }

  /** Undefined where pods have no networks of their own. */
  get podNetwork(): PodNetwork | undefined {
    return this.#podNetwork;
  }

  /** Known, whether it can be used or not. */
  get settled(): boolean {
    return this.#addresses !== undefined || this.#shared;
  }

  /** Undefined while the range is not known, or when it is used up; "" where pods share the node's address. */
  allocate(podUid: string): string | undefined {
    return this.#shared ? "" : this.#addresses?.allocate(podUid);
  }

  /** An address of an earlier life. */
  reserve(podUid: string, address: string): void {
    this.#addresses?.reserve(podUid, address);
  }

  release(podUid: string): void {
    this.#addresses?.release(podUid);
  }

  /** The node has been given a range; the answer is a sentence where it is of no use. */
  async adopt(cidr: string): Promise<string | undefined> {
    if (cidr === this.#cidr) return undefined;
    this.#cidr = cidr;
    let addresses: PodAddresses;
    try {
      addresses = new PodAddresses(cidr);
    } catch (error) {
      this.#shared = true;
      return errorText(error);
    }
    if (this.#namespaces && !cidr.startsWith("127.")) {
      try {
        this.#podNetwork = await PodNetwork.open(this.#machine, cidr);
      } catch (error) {
        return this.#share(
          `pods cannot have networks of their own (${errorText(error)}): they share the node's address`,
        );
      }
      this.#addresses = addresses;
      return undefined;
    }
    const sample = addresses.allocate("sample") as string;
    addresses.release("sample");
    try {
      const listener = await this.#machine.network.listen({ host: sample, port: 0 }, ({ stream }) =>
        stream.destroy(),
      );
      await listener.close();
    } catch (error) {
      return this.#share(
        `addresses of ${cidr} are not this machine's (${errorText(error)}): pods share the node's address, so two that want one port cannot both run. On Linux --pod-cidr 127.128.0.0/16 needs no set-up; elsewhere give the range to an interface`,
      );
    }
    this.#addresses = addresses;
    return undefined;
  }

  #share(why: string): string {
    this.#shared = true;
    this.#log.warn(why);
    return why;
  }
}
