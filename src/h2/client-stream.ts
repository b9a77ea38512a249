import { Http2Stream, type StreamHost } from "./http2-stream.ts";
import type { AnswerReceiver, HeaderFields, OutgoingStream } from "./ports.ts";
import type { RequestHead } from "./request-head.ts";

/** Who makes a request knows what it says; what is checked of a body concerns those that come in. */
const ownHead: RequestHead = {
  method: "",
  path: "",
  authority: "",
  scheme: "",
  headers: Object.create(null),
  fields: [],
  contentLength: undefined,
};

/** A stream that we opened. */
export class ClientStream extends Http2Stream implements OutgoingStream {
  readonly answer: AnswerReceiver;
  /** The answer's fields have come; what may still come are trailers. */
  answered = false;
  trailers: HeaderFields | undefined;
  unprocessed = false;

  constructor(
    host: StreamHost,
    id: number,
    answer: AnswerReceiver,
    windows: { readonly receive: number; readonly send: number },
  ) {
    super(host, id, ownHead, windows.receive, windows.send);
    this.answer = answer;
  }
}
