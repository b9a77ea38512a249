/**
 * The streams of exec and attach: stdin, stdout, stderr, an error channel that says at the end how it went, and the terminal's size; over
 * WebSocket (channels.ts) or SPDY (v4, a stream each).
 */
import { PassThrough, type Readable, type Writable } from "node:stream";
import type { WebSocket } from "ws";
import { acceptWebSocket, type Upgrade } from "../../h2/index.ts";
import type { Clock } from "../../platform/index.ts";
import {
  type ChannelProtocol,
  channelProtocol,
  decodeMessage,
  encodeMessage,
  servedChannelProtocols,
} from "./channels.ts";
import { frameBytesMax, pingMs, socketBufferBytes, streamCreationMs } from "./limits.ts";
import { SpdyConnection, type SpdyStream } from "./spdy/connection.ts";
import { acceptSpdy, offered, refuseUpgrade, wantsSpdy, wantsWebSocket } from "./upgrade.ts";

export interface CommandOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** What a command is connected to. Streams that were not asked for are null. */
export interface CommandStreams {
  readonly stdin: Readable | null;
  readonly stdout: Writable | null;
  readonly stderr: Writable | null;
  /** The client's terminal has another size. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** The client is gone. */
  readonly closed: Promise<void>;
  /** Says how it went, a metav1.Status as JSON, and ends. */
  finish(status: CommandStatus): Promise<void>;
}

/** A metav1.Status. */
export interface CommandStatus {
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly [field: string]: unknown;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** Undefined: the upgrade was refused. */
export async function acceptCommand(
  upgrade: Upgrade,
  options: CommandOptions,
  clock: Clock,
): Promise<CommandStreams | undefined> {
  if (wantsWebSocket(upgrade)) {
    const protocol = channelProtocol(upgrade.request);
    if (protocol === undefined) {
      refuseUpgrade(
        upgrade,
        "400 Bad Request",
        `the WebSocket protocols served are ${servedChannelProtocols.join(", ")}`,
      );
      return undefined;
    }
    const accepted = { protocol: protocol.name, messageBytesMax: frameBytesMax };
    return overWebSocket(await acceptWebSocket(upgrade, accepted), protocol, options, clock);
  }
  const protocols = offered(upgrade.request, "x-stream-protocol-version");
  if (!wantsSpdy(upgrade) || !protocols.includes("v4.channel.k8s.io")) {
    refuseUpgrade(upgrade, "403 Forbidden", "unable to upgrade: the protocol served is v4.channel.k8s.io");
    return undefined;
  }
  return overSpdy(new SpdyStreams(upgrade), options, clock);
}

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

function overWebSocket(
  socket: WebSocket,
  protocol: ChannelProtocol,
  options: CommandOptions,
  clock: Clock,
): CommandStreams {
  const stdin = options.stdin ? new PassThrough() : null;
  const resizes: ((size: TerminalSize) => void)[] = [];
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const ping = clock.every(pingMs, () => socket.ping(), { background: true });
  void closed.then(() => {
    ping.cancel();
    stdin?.end();
  });
  socket.on("message", (data: Buffer) => {
    const { channel: to, payload } = decodeMessage(protocol, data);
    switch (to) {
      case channel.stdin:
        if (stdin !== null && !stdin.writableEnded && !stdin.write(payload)) {
          socket.pause();
          stdin.once("drain", () => socket.resume());
        }
        return;
      case channel.resize: {
        const size = sizeIn(payload);
        if (size !== undefined) for (const listener of resizes) listener(size);
        return;
      }
      case channel.close:
        // v5: a channel ends while the others go on.
        if (payload[0] === channel.stdin) stdin?.end();
        return;
    }
  });
  const output = (number: number): Writable => {
    const stream = new PassThrough();
    stream.on("data", (chunk: Buffer) => {
      socket.send(encodeMessage(protocol, number, chunk));
      if (socket.bufferedAmount < socketBufferBytes) return;
      stream.pause();
      const again = clock.every(10, () => {
        if (socket.bufferedAmount >= socketBufferBytes && socket.readyState === socket.OPEN) return;
        again.cancel();
        stream.resume();
      });
    });
    return stream;
  };
  if (protocol.greets) {
    const first = options.stdout ? channel.stdout : options.stderr ? channel.stderr : channel.error;
    socket.send(encodeMessage(protocol, first, Buffer.alloc(0)));
  }
  const stdout = options.stdout ? output(channel.stdout) : null;
  const stderr = options.stderr && !options.tty ? output(channel.stderr) : null;
  return {
    stdin,
    stdout,
    stderr,
    onResize: (listener) => resizes.push(listener),
    closed,
    async finish(status) {
      await Promise.all([flushed(stdout), flushed(stderr)]);
      const told = protocol.status ? JSON.stringify(status) : sentenceOf(status);
      if (told === "") socket.close(1000);
      else socket.send(encodeMessage(protocol, channel.error, Buffer.from(told)), () => socket.close(1000));
      await closed;
    },
  };
}

/** Of a failure; "" where there is none. */
const sentenceOf = ({ status, message = "" }: CommandStatus): string => (status === "Success" ? "" : message);

/** Everything written has been handed on. */
function flushed(stream: Writable | null): Promise<void> {
  if (stream === null) return Promise.resolve();
  return new Promise((resolve) => {
    (stream as PassThrough).once("end", resolve);
    stream.end();
  });
}

/** The streams of one SPDY connection by their type, as they are opened. */
class SpdyStreams {
  readonly connection: SpdyConnection;
  readonly #streams = new Map<string, SpdyStream>();
  #wake: () => void = () => {};

  constructor(upgrade: Upgrade) {
    this.connection = new SpdyConnection(acceptSpdy(upgrade, "v4.channel.k8s.io"), (stream) => {
      const type = stream.headers.get("streamtype") ?? "";
      if (this.#streams.has(type)) stream.destroy();
      else this.#streams.set(type, stream);
      this.#wake();
    });
  }

  /** Undefined where the client does not open them all in time. */
  async all(types: readonly string[], clock: Clock): Promise<Map<string, SpdyStream> | undefined> {
    let late = false;
    const timer = clock.after(streamCreationMs, () => {
      late = true;
      this.#wake();
    });
    void this.connection.closed.then(() => {
      late = true;
      this.#wake();
    });
    while (!late && !types.every((type) => this.#streams.has(type)))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    timer.cancel();
    if (!late) return this.#streams;
    this.connection.destroy();
    return undefined;
  }
}

async function overSpdy(
  streams: SpdyStreams,
  options: CommandOptions,
  clock: Clock,
): Promise<CommandStreams | undefined> {
  const wanted = ["error"];
  if (options.stdin) wanted.push("stdin");
  if (options.stdout) wanted.push("stdout");
  if (options.stderr && !options.tty) wanted.push("stderr");
  if (options.tty) wanted.push("resize");
  const opened = await streams.all(wanted, clock);
  if (opened === undefined) return undefined;
  const resizes: ((size: TerminalSize) => void)[] = [];
  opened.get("resize")?.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString().split("\n")) {
      const size = sizeIn(Buffer.from(line));
      if (size !== undefined) for (const listener of resizes) listener(size);
    }
  });
  const { connection } = streams;
  return {
    stdin: opened.get("stdin") ?? null,
    stdout: opened.get("stdout") ?? null,
    stderr: opened.get("stderr") ?? null,
    onResize: (listener) => resizes.push(listener),
    closed: connection.closed,
    async finish(status) {
      const ended = ["stdout", "stderr"].map((type) => endOf(opened.get(type)));
      await Promise.all(ended);
      const error = opened.get("error");
      error?.write(JSON.stringify(status));
      await endOf(error);
      connection.close();
    },
  };
}

function endOf(stream: SpdyStream | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("close", resolve);
    stream.end(() => resolve());
  });
}

function sizeIn(payload: Buffer): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(payload.toString());
    const fine = [width, height].every((value) => Number.isInteger(value) && value > 0 && value < 65_536);
    return fine ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}
