/**
 * The network between the machines: TCP, as far as its users can tell. Bytes come in order, late, or not at all until a broken
 * link works again; a process that ends resets its connections, a machine without power says nothing. Beyond what TCP does, whole
 * raft messages may be lost, doubled or overtaken: the members must bear it, for they drop messages themselves.
 */
import { Duplex } from "node:stream";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
} from "../../src/platform/index.ts";
import { beginsImagePiece, framesOf } from "./frames.ts";
import type { Life } from "./life.ts";
import type { World, WorldEvent } from "./world.ts";

/** What raft messages meet. Shares of them. */
export interface MessageWeather {
  lost: number;
  doubled: number;
  overtaken: number;
}

interface Segment {
  readonly bytes?: Uint8Array;
  readonly end?: "fin" | "reset";
  /** May come before what was sent before it. */
  readonly unordered?: boolean;
}

/** Bytes on their way one way before a writer has to wait. */
const windowBytes = 256 * 1024;

export class SimNetwork {
  readonly world: World;
  /** Milliseconds of one way, at least; and what comes on top, at most. */
  delayMs = 0.3;
  jitterMs = 0.5;
  messages: MessageWeather = { lost: 0, doubled: 0, overtaken: 0 };
  /** Of what is written to a connection, the share at which it breaks; what was written before comes, and perhaps a part of this. */
  breaks = 0;
  /** The share of an image's pieces at which its connection breaks besides. */
  breaksOfImages = 0;
  readonly #listeners = new Map<string, { life: Life; onConnection: (connection: Connection) => void }>();
  /** One way each: `from>to`. */
  readonly #cut = new Set<string>();
  readonly #held: { from: string; to: string; send: () => void }[] = [];
  readonly #silent = new Set<string>();
  /** Of every life, so that its end can be told. */
  readonly #sockets = new Map<Life, Set<SimSocket>>();
  #ports = 40_000;

  constructor(world: World) {
    this.world = world;
  }

  /** Which way nothing goes any more. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** Everything goes again; what was held back is sent anew, as TCP does. */
  heal(): void {
    this.#cut.clear();
    for (const { send } of this.#held.splice(0)) send();
  }

  get isWhole(): boolean {
    return this.#cut.size === 0;
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** The network as this process has it. */
  of(life: Life, host: string): Network {
    return {
      listen: async (options, onConnection) => this.#listen(life, host, options, onConnection),
      connect: (options) => this.#connect(life, host, options),
      bindDatagrams: () => Promise.reject(new Error("members send no datagrams")),
    };
  }

  /** The process has ended; the kernel resets its connections, unless the machine has no power either. */
  ended(life: Life, powerLost: boolean): void {
    for (const [address, listener] of this.#listeners)
      if (listener.life === life) this.#listeners.delete(address);
    const sockets = this.#sockets.get(life) ?? [];
    this.#sockets.delete(life);
    if (powerLost) return;
    for (const socket of sockets) socket.sendReset();
  }

  /** Calls back on the other side after the way there; later, while there is none. */
  travel(from: string, to: string, notBefore: number, arrive: () => void): number {
    const { world } = this;
    const at = Math.max(notBefore, world.now + this.delayMs + world.random() * this.jitterMs);
    const send = (delay: number): WorldEvent =>
      world.schedule(delay, () => {
        if (!this.isCut(from, to)) return arrive();
        this.#held.push({ from, to, send: () => void send(this.delayMs + world.random() * 200) });
      });
    send(at - world.now);
    return at;
  }

  /** The machine has power and a network stack: it answers for processes that are gone. */
  answers(host: string): boolean {
    return !this.#silent.has(host);
  }

  setSilent(host: string, silent: boolean): void {
    if (silent) this.#silent.add(host);
    else this.#silent.delete(host);
  }

  forget(socket: SimSocket): void {
    this.#sockets.get(socket.life)?.delete(socket);
  }

  #listen(
    life: Life,
    host: string,
    { port }: ListenOptions,
    onConnection: (connection: Connection) => void,
  ): Listener {
    const address = `${host}:${port}`;
    if (this.#listeners.has(address))
      throw Object.assign(new Error(`EADDRINUSE ${address}`), { code: "EADDRINUSE" });
    const listener = { life, onConnection };
    this.#listeners.set(address, listener);
    return {
      host,
      port,
      stopAccepting: () => {
        if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
      },
      close: async () => {
        if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
        for (const socket of [...(this.#sockets.get(life) ?? [])]) if (socket.accepted) socket.destroy();
      },
    };
  }

  #connect(life: Life, host: string, options: ConnectOptions): Promise<Connection> {
    const { world } = this;
    return new Promise((resolve, reject) => {
      let settled = false;
      const fail = (code: string): void => {
        if (settled) return;
        settled = true;
        reject(Object.assign(new Error(`connect ${code} ${options.host}:${options.port}`), { code }));
      };
      world.schedule(options.timeoutMs ?? 10_000, () => fail("ETIMEDOUT"), life);
      this.travel(host, options.host, 0, () => {
        const listener = this.#listeners.get(`${options.host}:${options.port}`);
        const back = (answer: () => void) =>
          this.travel(options.host, host, 0, () => world.schedule(0, answer, life));
        // A machine without power does not even refuse; the time-out tells.
        if (listener === undefined)
          return this.answers(options.host) ? void back(() => fail("ECONNREFUSED")) : undefined;
        const near = new SimSocket(this, life, host, false);
        const far = new SimSocket(this, listener.life, options.host, true);
        near.other = far;
        far.other = near;
        world.schedule(0, () => this.#accept(listener, far, host), listener.life);
        back(() => {
          if (settled) return void near.destroy();
          settled = true;
          this.#track(near);
          resolve(connectionOf(near, `${options.host}:${options.port}`));
        });
      });
    });
  }

  #accept(
    { onConnection }: { onConnection: (connection: Connection) => void },
    socket: SimSocket,
    host: string,
  ): void {
    this.#track(socket);
    onConnection(connectionOf(socket, `${host}:${this.#ports++}`));
  }

  #track(socket: SimSocket): void {
    const sockets = this.#sockets.get(socket.life);
    if (sockets === undefined) this.#sockets.set(socket.life, new Set([socket]));
    else sockets.add(socket);
  }
}

function connectionOf(stream: Duplex, remoteAddress: string): Connection {
  return {
    stream,
    protocol: undefined,
    peerCertificate: undefined,
    peerCertificateError: undefined,
    remoteAddress,
  };
}

/** One end of a connection. */
class SimSocket extends Duplex {
  readonly life: Life;
  readonly host: string;
  readonly accepted: boolean;
  other: SimSocket | undefined;
  readonly #network: SimNetwork;
  /** When the last segment that keeps the order arrives. */
  #lastArrival = 0;
  /** Segments that keep the order: sent, and handed on by this end; and what has overtaken others. */
  #sent = 0;
  #handedOn = 0;
  readonly #early = new Map<number, () => void>();
  #bytesOnTheirWay = 0;
  #waiting: (() => void) | undefined;
  /** Come, and not read yet. */
  #incoming: Segment[] = [];
  #readable = true;
  #saidEnd = false;

  constructor(network: SimNetwork, life: Life, host: string, accepted: boolean) {
    super({ allowHalfOpen: false });
    this.#network = network;
    this.life = life;
    this.host = host;
    this.accepted = accepted;
    this.on("error", () => {});
  }

  override _read(): void {
    this.#readable = true;
    this.#drain();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#sendAll([chunk], done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error) => void): void {
    this.#sendAll(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: (error?: Error) => void): void {
    this.#saidEnd = true;
    this.#send({ end: "fin" });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#network.forget(this);
    if (!this.#saidEnd && !this.life.dead) this.#send({ end: error === null ? "fin" : "reset" });
    done(error);
  }

  /** The kernel's last word for a process that is gone. */
  sendReset(): void {
    this.#send({ end: "reset" });
  }

  #sendAll(chunks: readonly Uint8Array[], done: () => void): void {
    if (!this.life.step("something to be sent")) return;
    let bytes = new Uint8Array(Buffer.concat(chunks));
    const { world, breaks, breaksOfImages } = this.#network;
    if (
      (breaks > 0 && world.chance(breaks)) ||
      (breaksOfImages > 0 && beginsImagePiece(bytes) && world.chance(breaksOfImages))
    ) {
      bytes = bytes.subarray(0, world.below(bytes.length));
      const error = Object.assign(new Error("write ECONNRESET"), { code: "ECONNRESET" });
      world.schedule(0, () => this.destroy(error), this.life);
    }
    for (const segment of this.#weathered(bytes)) this.#send(segment);
    if (this.#bytesOnTheirWay < windowBytes) done();
    else this.#waiting = done;
  }

  /** Raft messages, one segment each, where something may happen to them. */
  #weathered(bytes: Uint8Array): readonly Segment[] {
    const { messages, world } = this.#network;
    if (messages.lost + messages.doubled + messages.overtaken === 0) return [{ bytes }];
    const segments: Segment[] = [];
    for (const { frame, sort } of framesOf(bytes)) {
      const isMessage = sort !== "other";
      if (isMessage && world.chance(messages.lost)) continue;
      const unordered = isMessage && world.chance(messages.overtaken);
      segments.push({ bytes: frame, unordered });
      if (sort === "message" && world.chance(messages.doubled))
        segments.push({ bytes: frame, unordered: true });
    }
    return segments;
  }

  #send(segment: Segment): void {
    const { other } = this;
    if (other === undefined) return;
    const size = segment.bytes?.length ?? 0;
    this.#bytesOnTheirWay += size;
    const arrive = (): void => {
      this.#bytesOnTheirWay -= size;
      const waiting = this.#waiting;
      if (waiting !== undefined && this.#bytesOnTheirWay < windowBytes) {
        this.#waiting = undefined;
        this.#network.world.schedule(0, waiting, this.life);
      }
      other.#arrived(segment);
    };
    if (segment.unordered === true) {
      const extraMs = this.#network.world.random() * 50;
      this.#network.travel(this.host, other.host, this.#network.world.now + extraMs, arrive);
      return;
    }
    const number = this.#sent++;
    this.#lastArrival = this.#network.travel(this.host, other.host, this.#lastArrival, () =>
      other.#inOrder(number, arrive),
    );
  }

  /** What was held back by a cut comes when it comes: TCP hands on nothing before what was sent before it. */
  #inOrder(number: number, arrive: () => void): void {
    this.#early.set(number, arrive);
    for (let next = this.#early.get(this.#handedOn); next; next = this.#early.get(this.#handedOn)) {
      this.#early.delete(this.#handedOn++);
      next();
    }
  }

  #arrived(segment: Segment): void {
    const { life } = this;
    if (life.dead) {
      // Whoever has power again does not know this connection.
      if (segment.end === undefined && this.#network.answers(this.host)) this.#send({ end: "reset" });
      return;
    }
    this.#network.world.schedule(
      0,
      () => {
        this.#incoming.push(segment);
        this.#drain();
      },
      life,
    );
  }

  #drain(): void {
    while (this.#readable && !this.destroyed) {
      const segment = this.#incoming.shift();
      if (segment === undefined) return;
      if (segment.bytes !== undefined) this.#readable = this.push(segment.bytes);
      else if (segment.end === "fin") this.push(null);
      else this.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    }
  }
}
