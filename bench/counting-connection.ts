/**
 * The client's side of HTTP/2 for requests whose answers are only counted: over TLS, with one read buffer for all connections and windows that never
 * have to be opened again, so that on a machine with two cores it is the server that is measured.
 */
import type { OnReadOpts } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";

const frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
const flagEndStream = 1;
const flagAck = 1;
const flagEndHeaders = 4;
const headBytes = 9;
const windowBytes = 2 ** 31 - 1;
const initialWindowSetting = 4;
/** `:status: 200` in HPACK's static table (RFC 7541, appendix A). */
const statusOk = 0x88;
const newline = 10;

const shared = Buffer.alloc(65_536);

export interface CountingConnection {
  /** Opens a stream for a GET; resolves when its answer begins. `counted`: so many newlines have come, once for each piece of its body. */
  get(fields: Readonly<Record<string, string>>, counted: (lines: number) => void): Promise<void>;
  destroy(): void;
}

interface Answer {
  readonly begun: PromiseWithResolvers<void>;
  readonly counted: (lines: number) => void;
}

export async function countingConnection(origin: URL): Promise<CountingConnection> {
  const answers = new Map<number, Answer>();
  const reader = new FrameReader((type, flags, stream, payload) => {
    const answer = answers.get(stream);
    if (type === frame.headers) {
      // An update of the table's size may come first.
      const ok = payload.subarray(0, 2).includes(statusOk);
      if (ok) answer?.begun.resolve();
      else answer?.begun.reject(new Error("the answer is no success"));
    } else if (type === frame.data) answer?.counted(linesIn(payload));
    else if ((type === frame.settings || type === frame.ping) && (flags & flagAck) === 0) {
      socket.write(frameOf(type, flagAck, 0, type === frame.ping ? payload : Buffer.alloc(0)));
    } else if (type === frame.reset || type === frame.goAway) {
      throw new Error(`the server ended stream ${stream}`);
    }
  });
  const options: ConnectionOptions & { onread: OnReadOpts } = {
    host: origin.hostname,
    port: Number(origin.port),
    ALPNProtocols: ["h2"],
    // Each server has made its own certificate.
    rejectUnauthorized: false,
    onread: {
      buffer: shared,
      callback(bytes) {
        reader.push(shared.subarray(0, bytes));
        return true;
      },
    },
  };
  const socket: TLSSocket = connect(options);
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(initialWindowSetting, 0);
  settings.writeUInt32BE(windowBytes, 2);
  const more = Buffer.alloc(4);
  more.writeUInt32BE(windowBytes - 65_535);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frameOf(frame.settings, 0, 0, settings));
  socket.write(frameOf(frame.windowUpdate, 0, 0, more));
  let last = -1;
  return {
    get(fields, counted) {
      last += 2;
      const answer = { begun: Promise.withResolvers<void>(), counted };
      answers.set(last, answer);
      const block = headerBlock({
        ":method": "GET",
        ":scheme": "https",
        ":authority": origin.host,
        ...fields,
      });
      socket.write(frameOf(frame.headers, flagEndHeaders | flagEndStream, last, block));
      return answer.begun.promise;
    },
    destroy: () => socket.destroy(),
  };
}

/** Takes frames apart, whose payloads come in pieces where the bytes do. */
class FrameReader {
  readonly #piece: (type: number, flags: number, stream: number, payload: Buffer) => void;
  readonly #head = Buffer.alloc(headBytes);
  #headLength = 0;
  /** Of the payload. */
  #left = 0;

  constructor(piece: (type: number, flags: number, stream: number, payload: Buffer) => void) {
    this.#piece = piece;
  }

  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#headLength < headBytes) {
        const taken = bytes.copy(this.#head, this.#headLength, at, at + headBytes - this.#headLength);
        this.#headLength += taken;
        at += taken;
        if (this.#headLength < headBytes) return;
        this.#left = this.#head.readUIntBE(0, 3);
      }
      const end = Math.min(bytes.length, at + this.#left);
      this.#left -= end - at;
      const [type = 0, flags = 0] = this.#head.subarray(3, 5);
      this.#piece(type, flags, this.#head.readUInt32BE(5), bytes.subarray(at, end));
      at = end;
      if (this.#left === 0) this.#headLength = 0;
    }
  }
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines++;
  return lines;
}

function frameOf(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields with new names, never indexed (RFC 7541, section 6.2.2). */
function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([length(value.length), Buffer.from(value, "latin1")]);
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  );
}

/** Seven bits of the first byte, then seven of each further one (section 5.1). */
function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const rest = value - 127;
  return rest < 128 ? Buffer.from([127, rest]) : Buffer.from([127, (rest & 127) | 128, rest >> 7]);
}
