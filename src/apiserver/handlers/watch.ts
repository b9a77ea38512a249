import { errors, stringifyJson } from "../../apimachinery/index.ts";
import { selectionPredicate } from "../../registry/index.ts";
import type { StorageError, StorageEvent, StorageWatch, WatchSink } from "../../storage/index.ts";
import { type EncodeOptions, objectView } from "../encode/encoder.ts";
import { type ChangeEvent, jsonFrame, type MakeFrame, protobufFrame } from "../encode/watch-frames.ts";
import { takesEvents } from "../in-process.ts";
import { watchBacklogBytesMax } from "../limits.ts";
import { negotiateWatch, type Representation } from "../media-types.ts";
import { listParameters } from "../options.ts";
import { toldOfRequest } from "../state.ts";
import type { ResourceCall } from "./call.ts";
import { bookmark, holdOpen, statusOf } from "./open-watch.ts";
import { EventStream } from "./watch-objects.ts";
import { type WatchOutput, watchOutput } from "./watch-output.ts";

const streamTypes: Readonly<Record<Representation["encoding"], string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: "application/vnd.kubernetes.protobuf;stream=watch",
};

/** GET of a collection with `watch=true`, and the old `/watch/` paths: a stream of events, one JSON text a line. */
export async function watch(call: ResourceCall): Promise<void> {
  const { handler, info } = call;
  if (handler.watch === undefined) throw errors.methodNotAllowed();
  const encoding = call.encodingAs(negotiateWatch(call.header("accept"), handler.form.custom));
  const parameters = listParameters(info.query, true);
  const named = info.legacyWatch && info.named ? { name: info.name } : {};
  const predicate = selectionPredicate(handler.strategy, { ...parameters, ...named });
  const stream = takesObjects(call, encoding) ? new EventStream(call) : new WatchStream(call, encoding);
  const open = handler.watch(
    {
      namespace: call.namespace,
      options: {
        predicate,
        resourceVersion: parameters.resourceVersion,
        allowBookmarks: parameters.allowWatchBookmarks,
        sendInitialEvents: parameters.sendInitialEvents === true,
        fromNow: parameters.sendInitialEvents === false && /^0*$/.test(parameters.resourceVersion),
      },
    },
    stream,
  );
  stream.start(open, parameters.timeoutSeconds ?? call.deps.watchSeconds * (1 + call.deps.random.number()));
}

/** Readers of this process take events as they are. */
function takesObjects({ context }: ResourceCall, { representation }: EncodeOptions): boolean {
  const { [takesEvents]: taken } = context.req as { [takesEvents]?: boolean };
  return taken === true && representation.encoding === "json" && representation.as === "";
}

/**
 * Puts events on the wire. What arrives before its turn comes is one write. While the client does not keep up, events wait here
 * up to a bound; beyond it the watch ends, and the client lists again.
 */
class WatchStream implements WatchSink {
  readonly #call: ResourceCall;
  readonly #output: WatchOutput;
  readonly #encoding: EncodeOptions;
  #frames: Uint8Array[] = [];
  #waitingBytes = 0;
  #scheduled = false;
  #first = true;
  #ended = false;
  #endAfterFlush = false;
  #release: () => void = () => {};

  constructor(call: ResourceCall, encoding: EncodeOptions) {
    this.#call = call;
    this.#encoding = encoding;
    const { req, res } = call.context;
    this.#output = watchOutput(req, res, encoding.representation.encoding === "json");
  }

  start(open: StorageWatch, timeoutSeconds: number): void {
    const { context } = this.#call;
    this.#release = holdOpen(this.#call, open, timeoutSeconds, () => this.#end());
    if (this.#ended) return this.#release();
    const headers = {
      "content-type": streamTypes[this.#encoding.representation.encoding],
      "cache-control": "no-cache, private",
      ...toldOfRequest(context.state),
    };
    this.#output.open(headers, { drained: () => this.#flush(), closed: () => this.#stop() });
    if (this.#frames.length > 0) this.#schedule();
  }

  onEvents(events: readonly StorageEvent[]): boolean {
    if (this.#ended) return false;
    // A bookmark comes last, or alone.
    const last = events.at(-1);
    const changes = (last?.type === "BOOKMARK" ? events.slice(0, -1) : events) as readonly ChangeEvent[];
    if (changes.length > 0) this.#pushChanges(changes);
    if (last?.type === "BOOKMARK") this.#push(this.#frame("BOOKMARK", this.#viewOf(last)));
    this.#schedule();
    return this.#waitingBytes <= watchBacklogBytesMax;
  }

  onClosed(error: StorageError | undefined): void {
    if (error !== undefined && !this.#ended) {
      this.#frames.push(this.#frame("ERROR", statusOf(error)));
    }
    this.#end();
  }

  #pushChanges(changes: readonly ChangeEvent[]): void {
    const { frames } = this.#call.deps;
    const { as, encoding } = this.#encoding.representation;
    // Views (Tables, metadata alone) differ from watch to watch.
    if (as !== "") for (const event of changes) this.#push(this.#frame(event.type, this.#viewOf(event)));
    else if (this.#output.joins) this.#push(frames.all(encoding, changes, this.#changeFrame));
    else for (const event of changes) this.#push(frames.one(encoding, event, this.#changeFrame));
  }

  #push(frame: Uint8Array): void {
    // An array that something is added to has room for many more at once.
    if (this.#frames.length === 0) this.#frames = [frame];
    else this.#frames.push(frame);
    this.#waitingBytes += frame.length;
  }

  readonly #changeFrame: MakeFrame = (type, stored) =>
    this.#encoding.representation.encoding === "json"
      ? jsonFrame(type, stored)
      : this.#frame(type, stored.object);

  #frame(type: string, object: unknown): Uint8Array {
    if (this.#encoding.representation.encoding === "json") {
      return Buffer.from(`${stringifyJson({ type, object })}\n`);
    }
    return protobufFrame(this.#call.deps.protobuf(), type, object);
  }

  #viewOf(event: StorageEvent): unknown {
    const stored = event.type === "BOOKMARK" ? bookmark(this.#call, event) : event.stored;
    const view = objectView(stored, this.#encoding);
    if (this.#encoding.representation.as !== "Table") return view;
    // Column definitions come once.
    const first = this.#first;
    this.#first = false;
    return first ? view : { ...(view as object), columnDefinitions: null };
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#call.deps.turns.take(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  #flush(): void {
    const output = this.#output;
    if (this.#ended || !output.opened) return;
    if (this.#frames.length > 0 && !output.full) {
      const frames = this.#frames;
      this.#frames = [];
      this.#waitingBytes = 0;
      output.write(frames);
    }
    if (this.#endAfterFlush && this.#frames.length === 0) this.#stop();
  }

  /** Ends once what waits is on its way; a client that does not read is not waited for. */
  #end(): void {
    if (this.#ended || this.#endAfterFlush) return;
    this.#endAfterFlush = true;
    this.#release();
    if (!this.#output.opened) return;
    if (this.#output.full) this.#stop();
    else this.#flush();
  }

  #stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#frames = [];
    this.#release();
    this.#output.end();
  }
}
