import type { ListenOptions, TlsMaterial } from "../platform/index.ts";
import type { AccessOptions } from "./access-service.ts";

/** How members speak TLS with each other: each shows its certificate and checks the other's, unless told otherwise. */
export interface PeerTls extends TlsMaterial {
  /** Shown to members that it calls, where it is not the same as to those who call. */
  readonly caller?: { readonly cert: string; readonly key: string };
  /** Asked about the good certificate of another member: why it is turned away all the same. */
  readonly turnsAway?: NonNullable<ListenOptions["tls"]>["turnsAway"];
  /** Let in whoever calls, whatever certificate it has or has not. */
  readonly clientCertificate?: "none" | "require";
  /** Call whoever answers: for certificates that members made for themselves. */
  readonly unverified?: boolean;
}

/** Where peers call. */
export type PeerAddress = Pick<ListenOptions, "host" | "port" | "path">;

export interface ReplicaConfig {
  readonly name: string;
  /** Everything this member must not lose: its log, its images, who it is. */
  readonly directory: string;
  /** "existing": a running cluster has added this member; it asks the initial members which. "new" when left out. */
  readonly initialState?: "new" | "existing";
  /** The members the cluster begins with, or has now, this one among them. Read at the very first start only. */
  readonly initialMembers: readonly { readonly name: string; readonly peerUrls: readonly string[] }[];
  /** Tells clusters apart that have the same addresses. */
  readonly clusterToken: string;
  readonly listenPeer: PeerAddress;
  /** More addresses for peers to call. */
  readonly alsoListenPeer?: readonly PeerAddress[];
  /** For peers, both ways. Undefined: plain sockets. */
  readonly tls: PeerTls | undefined;
  readonly heartbeatMs: number;
  /** At least; the real one is drawn up to twice as long. */
  readonly electionMs: number;
  /** Entries applied between two images. */
  readonly snapshotCount: number;
  /** Bytes of data above which puts are refused; 2 GiB when left out, no bound where Infinity. */
  readonly quotaBytes?: number;
  /** Bytes of the disk that must stay free, besides room for an image, so that puts are not refused; 128 MiB when left out. */
  readonly diskReserveBytes?: number;
  /** Bytes of log kept behind an image, for members that lag; the core's own choice (16 MiB) when left out. */
  readonly trailingBytes?: number;
  /** Bytes of a log segment; the log's own choice when left out. */
  readonly segmentBytes?: number;
  /** How often the leader compares what members hold; never when left out or 0. */
  readonly corruptionCheckMs?: number;
  /** How often the leader compares the hashes that members have made at compactions; never when left out or 0. */
  readonly compactionCheckMs?: number;
  /** How clients show who they are, where they have to. */
  readonly access?: AccessOptions;
  /** The others are gone for good: this member goes on alone with what it has. Not for the first start. */
  readonly forceNewCluster?: boolean;
  /** Where the log stands; in the member's directory when left out. */
  readonly walDirectory?: string;
  /** Operations of one level of a transaction; 128 when left out. */
  readonly txnOpsMax?: number;
  /** Bytes of one request; 1.5 MiB when left out. */
  readonly requestBytesMax?: number;
  /** Refuse changes of the members that could cost the quorum; true when left out. */
  readonly strictReconfiguration?: boolean;
  /** Members at a time that have no vote yet; 1 when left out. */
  readonly learnersMax?: number;
  /** How often a leader has the log say how much time its leases have left; five minutes when left out. */
  readonly leaseCheckpointMs?: number;
  /** How often idle watchers that asked for it are told the revision; ten minutes when left out. */
  readonly progressIntervalMs?: number;
}
