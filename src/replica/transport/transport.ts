/** Members talk: raft messages, questions to the leader, images. Each dials all others; what it is sent comes in on theirs. */
import type { Duplex } from "node:stream";
import { emptyBytes, type MemberId, utf8 } from "../../base/index.ts";
import { KvError } from "../../kv/index.ts";
import type { Clock, Connection, Listener, Platform, Timer } from "../../platform/index.ts";
import type { Message } from "../../raft/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { BytesReader } from "../bytes-reader.ts";
import { BytesWriter } from "../bytes-writer.ts";
import type { PeerAddress, PeerTls } from "../config.ts";
import { frameBytesMax, removedGraceMs } from "../limits.ts";
import type { PeerMetrics } from "../peer-metrics.ts";
import { dialPeer } from "./dial.ts";
import { encodeFrame, type Frame, FrameReader, frameKind } from "./frames.ts";
import { decodeHello, encodeHello, type Hello } from "./hello.ts";
import { ImageIntake, type ImageReceiver, type ImageTransfer } from "./image-intake.ts";
import { sendImage } from "./image-transfer.ts";
import { decodeMessage, encodeMessage } from "./message-codec.ts";
import { Peer } from "./peer.ts";
import { Refusals } from "./refusals.ts";

/** A connection that has not said hello by then is closed. */
const helloTimeoutMs = 5000;
/** A hello is short. */
const helloBytesMax = 4096;
const questionTimeoutMs = 3000;

export interface TransportOptions {
  readonly platform: Platform;
  readonly log: Log;
  readonly clusterId: bigint;
  readonly member: MemberId;
  /** The first is the one that is told of. */
  readonly listen: readonly PeerAddress[];
  /** Undefined: plain sockets. */
  readonly tls: PeerTls | undefined;
  readonly onMessage: (message: Message) => void;
  /** Undefined while this member cannot answer. @throws KvError to refuse */
  readonly onQuestion: (question: Uint8Array) => Promise<Uint8Array>;
  readonly onUnreachable: (member: MemberId) => void;
  /** There is a connection to the member, and one from it. */
  readonly onConnected: (member: MemberId) => void;
  /** Where an image goes that the leader sends. */
  readonly receiver: ImageReceiver;
  readonly metrics: PeerMetrics;
  readonly isRemoved: (member: MemberId) => boolean;
  /** Where the cluster finds this member. */
  readonly peerUrls: () => readonly string[];
  /** Another member says that this one is. */
  readonly onRemoved: () => void;
  /** What to tell a member that does not know yet who it is. */
  readonly describe: () => Uint8Array;
}

/** Whoever speaks was removed from the cluster, and is told so. */
class RemovedError extends Error {
  constructor(member: MemberId) {
    super(`member ${member.toString(16)} was removed from the cluster`);
  }
}

export interface Transport {
  readonly address: { readonly host: string; readonly port: number };
  /** Who belongs to the cluster now, and where. */
  setPeers(peers: readonly { id: MemberId; peerUrls: readonly string[] }[]): void;
  /** False: dropped, for the peer is unknown, cannot be reached or does not keep up. */
  send(message: Message): boolean;
  /** @throws KvError TIMEOUT, NO_LEADER, or what the other side refuses with */
  ask(member: MemberId, question: Uint8Array): Promise<Uint8Array>;
  /** Since when, on the monotonic clock, the member can be reached; undefined: it cannot. */
  activeSince(member: MemberId): number | undefined;
  /** Sends an image; resolves when the other side has it on its disk. `read` begins to read it, more than once perhaps. */
  sendImage(message: Message, read: () => AsyncIterable<Uint8Array>): Promise<void>;
  close(): Promise<void>;
}

export async function startTransport(options: TransportOptions): Promise<Transport> {
  const { platform, log, clusterId, member, metrics } = options;
  const { clock, network, random } = platform;
  const peers = new Map<MemberId, { peer: Peer; urls: string; dial: () => Promise<Connection> }>();
  const questions = new Map<
    number,
    { to: MemberId; resolve(answer: Uint8Array): void; reject(error: Error): void; timer: Timer }
  >();
  /** Whom this member can reach, since when, and who has reached it. */
  const reachable = new Map<MemberId, number>();
  const heardOf = new Set<MemberId>();
  /** Images on their way. */
  const sending = new Map<MemberId, Duplex>();
  /** Whom this member has not heard of and who called it: a leader that joined while it was away. They are answered as long as they call. */
  const strangers = new Map<MemberId, { id: MemberId; peerUrls: readonly string[] }>();
  let members: readonly { id: MemberId; peerUrls: readonly string[] }[] = [];
  /** Members that were removed, and may be waiting for the answer that says so. */
  const leaving = new Map<MemberId, { peer: Peer; timer: Timer }>();
  const intake = new ImageIntake({ receiver: options.receiver, clock, log });
  const refusals = new Refusals(() => clock.monotonic());
  /** From anywhere: an answer that was meant for this member's former life is nobody's. */
  let nextQuestion = Math.floor(random.number() * 2 ** 48);
  let closed = false;

  const letGo = (id: MemberId, peer: Peer): void => {
    const timer = clock.after(removedGraceMs, () => {
      peer.close();
      leaving.delete(id);
    });
    leaving.set(id, { peer, timer });
  };
  const reached = (id: MemberId): void => {
    reachable.set(id, clock.monotonic());
    if (heardOf.has(id)) options.onConnected(id);
  };
  const heard = (id: MemberId): void => {
    heardOf.add(id);
    if (reachable.has(id)) options.onConnected(id);
  };

  const dial = (peerUrls: readonly string[]) => {
    let turn = 0;
    return () => dialPeer(network, peerUrls[turn++ % peerUrls.length] as string, options.tls);
  };

  const helloTo = (to: MemberId, purpose: Hello["purpose"]): Uint8Array =>
    encodeHello({ clusterId, from: member, to, purpose, peerUrls: options.peerUrls() });

  /** Calls everybody who is to be called, and nobody else. */
  function connect(): void {
    if (closed) return;
    const wanted = new Map(
      [...strangers.values(), ...members].filter(({ id }) => id !== member).map((one) => [one.id, one]),
    );
    for (const [id, { peer, urls }] of peers) {
      if (wanted.get(id)?.peerUrls.join() === urls) continue;
      peers.delete(id);
      if (options.isRemoved(id)) letGo(id, peer);
      else peer.close();
      reachable.delete(id);
    }
    for (const { id, peerUrls } of wanted.values()) {
      if (peers.has(id) || peerUrls.length === 0) continue;
      const dialIt = dial(peerUrls);
      const onUnreachable = () => {
        if (leaving.has(id)) return;
        if (reachable.delete(id)) metrics.of(id).disconnects++;
        options.onUnreachable(id);
      };
      const onConnected = () => {
        // What was being sent went to its former life, which may be long in saying so.
        sending.get(id)?.destroy(new Error("the member was reached anew"));
        reached(id);
      };
      const peer = new Peer({
        member: id,
        clock,
        log,
        dial: dialIt,
        hello: () => helloTo(id, "messages"),
        onUnreachable,
        onConnected,
        onRoundTrip: (milliseconds) => metrics.roundTrip(id, milliseconds),
        onRemoved: options.onRemoved,
      });
      peers.set(id, { peer, urls: peerUrls.join(), dial: dialIt });
    }
  }

  function accept({ stream }: Connection): void {
    const frames = new FrameReader(helloBytesMax);
    let hello: Hello | undefined;
    let image: ImageTransfer | undefined;
    const timer = clock.after(helloTimeoutMs, () => stream.destroy());
    stream.on("error", () => stream.destroy());
    stream.on("close", () => {
      timer.cancel();
      image
        ?.end()
        .catch((error: Error) =>
          log.warn("an image that broke off could not be put away", { error: error.message }),
        );
    });
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const frame of frames.push(chunk)) {
          if (hello === undefined && frame.kind === frameKind.whichCluster) {
            for (const part of encodeFrame(frameKind.cluster, options.describe())) stream.write(part);
            stream.end();
          } else if (hello === undefined) {
            hello = greet(frame);
            timer.cancel();
            frames.bytesMax = frameBytesMax;
            for (const part of encodeFrame(frameKind.welcome, utf8(""))) stream.write(part);
            if (hello.purpose === "messages") {
              meet(hello, stream);
              heard(hello.from);
            }
            if (hello.purpose === "image") image = receive(hello.from, stream);
          } else if (options.isRemoved(hello.from)) throw new RemovedError(hello.from);
          else if (image !== undefined) image.take(frame);
          else if (frame.kind === frameKind.ping) {
            for (const part of encodeFrame(frameKind.pong, emptyBytes)) stream.write(part);
          } else take(hello.from, frame);
        }
      } catch (error) {
        const text = (error as Error).message;
        if (refusals.isNews(text)) log.warn("a connection from a peer was refused", { error: text });
        if (error instanceof RemovedError)
          for (const part of encodeFrame(frameKind.removed, emptyBytes)) stream.write(part);
        for (const part of encodeFrame(frameKind.welcome, utf8(text))) stream.write(part);
        stream.end();
      }
    });
  }

  function receive(from: MemberId, stream: Duplex): ImageTransfer {
    const ended = metrics.image("receive", from, timer(clock));
    stream.on("close", () => ended(false));
    const arrived = deliver(from);
    return intake.receive(stream, (message) => {
      ended(true);
      arrived(message);
    });
  }

  function meet({ from, peerUrls }: Hello, stream: Duplex): void {
    if (peerUrls.length === 0 || members.some(({ id }) => id === from)) return;
    const stranger = { id: from, peerUrls };
    strangers.set(from, stranger);
    stream.on("close", () => {
      if (strangers.get(from) !== stranger) return;
      strangers.delete(from);
      connect();
    });
    connect();
  }

  /** @throws Error that tells the other side why not */
  function greet(frame: Frame): Hello {
    if (frame.kind !== frameKind.hello) throw new Error("hello was expected first");
    const hello = decodeHello(frame.payload);
    if (hello.clusterId !== clusterId) {
      throw new Error(
        `cluster ${hello.clusterId.toString(16)} called a member of cluster ${clusterId.toString(16)}: check the peer URLs and --initial-cluster-token`,
      );
    }
    if (hello.to !== member)
      throw new Error(
        `member ${hello.to.toString(16)} was called, ${member.toString(16)} answers: check the peer URLs`,
      );
    if (options.isRemoved(hello.from)) throw new RemovedError(hello.from);
    return hello;
  }

  function take(from: MemberId, { kind, payload }: Frame): void {
    metrics.of(from).received += payload.length;
    switch (kind) {
      case frameKind.message:
        return deliver(from)(decodeMessage(payload));
      case frameKind.question:
        return void answer(from, payload);
      case frameKind.answer:
        return settle(from, payload);
      default:
        throw new Error(`a frame of an unknown kind: ${kind}`);
    }
  }

  /** Nobody speaks for somebody else. */
  function deliver(from: MemberId): (message: Message) => void {
    return (message) => {
      if (message.from !== from || message.to !== member)
        throw new Error(
          `a message from ${message.from.toString(16)} to ${message.to.toString(16)} came from ${from.toString(16)}`,
        );
      options.onMessage(message);
    };
  }

  async function answer(from: MemberId, payload: Uint8Array): Promise<void> {
    const writer = new BytesWriter();
    try {
      const reader = new BytesReader(payload);
      writer.number(reader.number());
      const bytes = await options.onQuestion(reader.rest());
      writer.byte(1);
      writer.raw(bytes);
    } catch (error) {
      const refusal = error instanceof KvError ? error : new KvError("STOPPED", String(error));
      writer.byte(0);
      writer.text(refusal.code);
      writer.text(refusal.message);
    }
    (peers.get(from) ?? leaving.get(from))?.peer.send(frameKind.answer, writer.finish());
  }

  function settle(from: MemberId, payload: Uint8Array): void {
    const reader = new BytesReader(payload);
    const number = reader.number();
    const question = questions.get(number);
    if (question?.to !== from) return;
    questions.delete(number);
    question.timer.cancel();
    if (reader.byte() === 1) question.resolve(reader.rest());
    else question.reject(new KvError(reader.text() as KvError["code"], reader.text()));
  }

  const tls = options.tls && {
    ...options.tls,
    clientCertificate: options.tls.clientCertificate ?? ("require" as const),
    onRejected: (from: string, error: string) =>
      log.warn("rejected connection on peer endpoint", { "remote-addr": from, error }),
  };
  const listeners: Listener[] = [];
  for (const address of options.listen)
    listeners.push(await network.listen({ ...address, ...(tls && { tls }) }, accept));
  const { host, port } = listeners[0] as Listener;

  return {
    address: { host, port },
    setPeers(next) {
      if (closed) return;
      members = next;
      for (const { id } of next) strangers.delete(id);
      for (const id of strangers.keys()) if (options.isRemoved(id)) strangers.delete(id);
      connect();
    },
    send(message) {
      const peer = peers.get(message.to)?.peer;
      if (peer === undefined) return false;
      const payload = encodeMessage(message);
      const taken = peer.send(frameKind.message, payload);
      if (taken) metrics.of(message.to).sent += payload.length;
      else metrics.of(message.to).failures++;
      return taken;
    },
    ask(to, question) {
      if (closed) return Promise.reject(new KvError("STOPPED", "etcdserver: server stopped"));
      return new Promise((resolve, reject) => {
        const number = nextQuestion++;
        const timeOut = () => {
          questions.delete(number);
          reject(new KvError("TIMEOUT", "etcdserver: request timed out"));
        };
        const writer = new BytesWriter();
        writer.number(number);
        writer.raw(question);
        if (!peers.get(to)?.peer.send(frameKind.question, writer.finish())) {
          return reject(new KvError("NO_LEADER", "etcdserver: no leader"));
        }
        questions.set(number, { to, resolve, reject, timer: clock.after(questionTimeoutMs, timeOut) });
      });
    },
    activeSince: (id) => reachable.get(id),
    async sendImage(message, read) {
      const entry = peers.get(message.to);
      if (entry === undefined) throw new Error(`member ${message.to.toString(16)} is not known`);
      const connection = await entry.dial();
      const hello = helloTo(message.to, "image");
      sending.set(message.to, connection.stream);
      const ended = metrics.image("send", message.to, timer(clock));
      try {
        await sendImage(connection, { hello, message: encodeMessage(message) }, read, clock);
        ended(true);
      } finally {
        ended(false);
        if (sending.get(message.to) === connection.stream) sending.delete(message.to);
      }
    },
    async close() {
      closed = true;
      for (const { peer } of peers.values()) peer.close();
      for (const { peer, timer } of leaving.values()) {
        timer.cancel();
        peer.close();
      }
      leaving.clear();
      for (const { reject, timer } of questions.values()) {
        timer.cancel();
        reject(new KvError("STOPPED", "etcdserver: server stopped"));
      }
      questions.clear();
      await Promise.all(listeners.map((listener) => listener.close()));
      await intake.close().catch(() => {});
    },
  };
}

/** Milliseconds since now. */
function timer(clock: Clock): () => number {
  const began = clock.monotonic();
  return () => clock.monotonic() - began;
}
