import type { MemberId } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Message } from "../raft/index.ts";
import { ownPeerUrls } from "./identity.ts";
import type { ReplicaParts } from "./parts.ts";
import type { Services } from "./services.ts";
import { encodeDescription } from "./transport/discovery.ts";
import { startTransport, type Transport } from "./transport/transport.ts";

interface PeersHost {
  /** What questions of other members are for. */
  readonly services: () => Pick<Services, "hashes" | "reconfiguration" | "leases">;
  onMessage(message: Message): void;
  onConnected(member: MemberId): void;
  onUnreachable(member: MemberId): void;
  /** Another member says that this one was removed. */
  onRemoved(): void;
}

/** The other members: how they are reached, and what they ask and are asked besides what the core says. */
export class Peers {
  readonly #parts: ReplicaParts;
  readonly #host: PeersHost;
  #transport: Transport | undefined;
  /** Asked for with every call. */
  #learner = false;

  constructor(parts: ReplicaParts, host: PeersHost) {
    this.#parts = parts;
    this.#host = host;
  }

  /** Listens to them. */
  async start(): Promise<Transport> {
    const { platform, config, log, identity, images, state, metrics } = this.#parts;
    const { membership } = state;
    const { onMessage, onConnected, onUnreachable, onRemoved } = this.#host;
    this.#transport = await startTransport({
      platform,
      log,
      clusterId: identity.clusterId,
      member: identity.memberId,
      listen: [config.listenPeer, ...(config.alsoListenPeer ?? [])],
      tls: config.tls,
      onMessage,
      onQuestion: (question) => this.#answer(question),
      onUnreachable,
      onConnected,
      receiver: images,
      metrics: metrics.peers,
      isRemoved: (member) => membership.isRemoved(member),
      onRemoved,
      peerUrls: () => membership.get(identity.memberId)?.peerUrls ?? this.#urlsBeforeTheLog,
      describe: () => encodeDescription(identity.clusterId, membership),
    });
    this.changed();
    return this.#transport;
  }

  /**
   * A newcomer says where it is before the log tells it: whoever it calls may not have heard of it yet, and could answer to nowhere else for
   * as long as that connection lasts.
   */
  get #urlsBeforeTheLog(): readonly string[] {
    return ownPeerUrls(this.#parts.config) ?? [];
  }

  /** Where they reach this member. */
  get address(): Transport["address"] | undefined {
    return this.#transport?.address;
  }

  /** This member has the log, and no vote. */
  get isLearner(): boolean {
    return this.#learner;
  }

  /** When the connection to a member stood; undefined: there is none. Milliseconds of the monotonic clock. */
  activeSince(member: MemberId): number | undefined {
    return this.#transport?.activeSince(member);
  }

  ask(member: MemberId, question: Uint8Array): Promise<Uint8Array> {
    if (this.#transport === undefined)
      return Promise.reject(new KvError("NO_LEADER", "etcdserver: no leader"));
    return this.#transport.ask(member, question);
  }

  /** Somebody came or went, or is reached elsewhere. One that joined has a log to receive before it knows the others by itself. */
  changed(): void {
    const { membership } = this.#parts.state;
    const { memberId, peers = [] } = this.#parts.identity;
    const self = membership.get(memberId);
    this.#learner = self?.learner ?? false;
    const isKnown = self !== undefined || membership.isRemoved(memberId);
    const told = isKnown ? [] : peers.filter(({ id }) => membership.get(id) === undefined);
    this.#transport?.setPeers([...told, ...membership.members]);
  }

  async close(): Promise<void> {
    await this.#transport?.close();
  }

  #answer(question: Uint8Array): ReturnType<Services["leases"]["answer"]> {
    const { hashes, reconfiguration, leases } = this.#host.services();
    if (hashes.isQuestion(question)) return hashes.answer(question);
    if (reconfiguration.isQuestion(question)) return reconfiguration.answer(question);
    return leases.answer(question);
  }
}
