/** What passes between this member and each of the others, under etcd's names. */
import type { MemberId } from "../base/index.ts";
import type { Histogram, Metrics } from "../telemetry/index.ts";
import { doubling } from "./durations.ts";

/** Of one other member. */
export interface PeerCounts {
  /** Bytes of messages, questions and answers, images left out. */
  sent: number;
  received: number;
  /** Messages that did not leave: there was no connection, or it did not keep up. */
  failures: number;
  /** Connections lost. */
  disconnects: number;
}

interface ImageCounts {
  underWay: number;
  succeeded: number;
  failed: number;
}

type Way = "send" | "receive";

/** Says how an image's way ended. */
export type ImageEnd = (succeeded: boolean) => void;

export class PeerMetrics {
  readonly #peers = new Map<MemberId, PeerCounts>();
  readonly #images = { send: new Map<MemberId, ImageCounts>(), receive: new Map<MemberId, ImageCounts>() };
  readonly #roundTrip: (member: MemberId) => Histogram;
  readonly #imageDuration: Readonly<Record<Way, (member: MemberId) => Histogram>>;

  constructor(metrics: Metrics) {
    const perPeer = (name: string, help: string, buckets: readonly number[], label: string) => {
      const family = metrics.histogram(name, help, buckets, [label]);
      return (member: MemberId) => family.with(member.toString(16));
    };
    this.#roundTrip = perPeer(
      "etcd_network_peer_round_trip_time_seconds",
      "Time until a member answers a ping.",
      doubling(0.0001, 16),
      "To",
    );
    const ofImages = doubling(0.1, 10);
    this.#imageDuration = {
      send: perPeer(
        "etcd_network_snapshot_send_total_duration_seconds",
        "Time to send a member an image of the state.",
        ofImages,
        "To",
      ),
      receive: perPeer(
        "etcd_network_snapshot_receive_total_duration_seconds",
        "Time to take in an image of the state that a member sends.",
        ofImages,
        "From",
      ),
    };
    this.#showCounts(metrics);
    this.#showImages(metrics, "send", "To");
    this.#showImages(metrics, "receive", "From");
  }

  of(member: MemberId): PeerCounts {
    return known(this.#peers, member, () => ({ sent: 0, received: 0, failures: 0, disconnects: 0 }));
  }

  roundTrip(member: MemberId, milliseconds: number): void {
    this.#roundTrip(member).observe(milliseconds / 1000);
  }

  /** An image sets out. `took`: milliseconds since then. */
  image(way: Way, member: MemberId, took: () => number): ImageEnd {
    const counts = known(this.#images[way], member, () => ({ underWay: 0, succeeded: 0, failed: 0 }));
    counts.underWay++;
    let isOver = false;
    return (succeeded) => {
      if (isOver) return;
      isOver = true;
      counts.underWay--;
      counts[succeeded ? "succeeded" : "failed"]++;
      if (succeeded) this.#imageDuration[way](member).observe(took() / 1000);
    };
  }

  /** `member`: this one, for the label. */
  showDisconnects(metrics: Metrics, member: MemberId): void {
    const labels = ["Local", "Remote"];
    metrics.read(
      "etcd_network_disconnected_peers_total",
      "Connections lost.",
      { type: "counter", labels },
      () =>
        [...this.#peers]
          .filter(([, { disconnects }]) => disconnects > 0)
          .map(([peer, { disconnects }]) => [[member.toString(16), peer.toString(16)], disconnects] as const),
    );
  }

  /** A series begins with the first that it counts, as etcd's does. */
  #showCounts(metrics: Metrics): void {
    const show = (name: string, help: string, label: string, count: (counts: PeerCounts) => number) =>
      metrics.read(name, help, { type: "counter", labels: [label] }, () =>
        [...this.#peers]
          .filter(([, counts]) => count(counts) > 0)
          .map(([peer, counts]) => [[peer.toString(16)], count(counts)] as const),
      );
    show("etcd_network_peer_sent_bytes_total", "Bytes of messages to a member.", "To", ({ sent }) => sent);
    show(
      "etcd_network_peer_received_bytes_total",
      "Bytes of messages from a member.",
      "From",
      (counts) => counts.received,
    );
    show(
      "etcd_network_peer_sent_failures_total",
      "Messages to a member that did not leave.",
      "To",
      (counts) => counts.failures,
    );
  }

  #showImages(metrics: Metrics, way: Way, label: string): void {
    const show = (
      name: string,
      help: string,
      type: "counter" | "gauge",
      { of, isShown }: { of: (counts: ImageCounts) => number; isShown: (value: number) => boolean },
    ) =>
      metrics.read(`etcd_network_snapshot_${way}_${name}`, help, { type, labels: [label] }, () =>
        [...this.#images[way]]
          .filter(([, counts]) => isShown(of(counts)))
          .map(([peer, counts]) => [[peer.toString(16)], of(counts)] as const),
      );
    const any = (): boolean => true;
    const some = (value: number): boolean => value > 0;
    show("inflights_total", "Images under way.", "gauge", { of: ({ underWay }) => underWay, isShown: any });
    show("success", "Images that arrived.", "counter", { of: ({ succeeded }) => succeeded, isShown: some });
    show("failures", "Images that did not arrive.", "counter", { of: ({ failed }) => failed, isShown: some });
  }
}

function known<T>(map: Map<MemberId, T>, member: MemberId, create: () => T): T {
  let counts = map.get(member);
  if (counts === undefined) {
    counts = create();
    map.set(member, counts);
  }
  return counts;
}
