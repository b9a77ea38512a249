import { fromUtf8 } from "../../src/base/index.ts";
import {
  decodeConfChange,
  type Entry,
  type Message,
  type ReadState,
  type Ready,
} from "../../src/raft/index.ts";
import type { Image, Member, Observer } from "./cluster.ts";

/** Writes down what happens in a cluster, a line each, the way a person would tell it. */
export class Transcript implements Observer {
  #lines: string[] = [];

  /** What was written since the last time. */
  take(): string {
    const text = this.#lines.join("\n");
    this.#lines = [];
    return text;
  }

  note(line: string): void {
    this.#lines.push(line);
  }

  role({ id, running }: Member): void {
    this.note(`${id} is ${running.role} of term ${running.term}`);
  }

  ready({ id }: Member, { hardState, entries, snapshot, mustSync }: Ready): void {
    const parts: string[] = [];
    if (snapshot) parts.push(`image ${snapshot.index}/${snapshot.term}`);
    if (hardState) parts.push(`term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`);
    if (entries.length > 0) parts.push(entryList(entries));
    if (parts.length > 0) this.note(`${id} writes ${parts.join(", ")}${mustSync ? "" : " (no sync)"}`);
  }

  applied({ id }: Member, entry: Entry): void {
    this.note(`${id} applies ${entryText(entry)}`);
  }

  installed({ id }: Member, { index, term, confState }: Image): void {
    this.note(
      `${id} installs image ${index}/${term} of voters ${confState.voters} learners ${confState.learners.join(",") || "none"}`,
    );
  }

  read({ id }: Member, { context, index }: ReadState): void {
    this.note(`${id} may read ${context} at ${index}`);
  }

  message(message: Message, fate = ""): void {
    const { from, to, term } = message;
    this.note(`${from}→${to} ${messageText(message)} @${term}${fate}`);
  }
}

function messageText(message: Message): string {
  switch (message.type) {
    case "pre-vote":
    case "vote":
      return `${message.type}? last ${message.lastIndex}/${message.lastTerm}${message.transfer ? " transfer" : ""}`;
    case "pre-vote-response":
    case "vote-response":
      return `${message.type.slice(0, -"-response".length)} ${message.granted ? "granted" : "rejected"}`;
    case "append":
      return `append after ${message.prevIndex}/${message.prevTerm} ${entryList(message.entries)} commit ${message.commit}`;
    case "append-response":
      return message.rejected
        ? `rejected ${message.index}, try ${message.hintIndex}/${message.hintTerm}`
        : `has ${message.index}`;
    case "heartbeat":
      return `heartbeat commit ${message.commit} round ${message.context}`;
    case "heartbeat-response":
      return `heard round ${message.context}`;
    case "snapshot":
      return `image ${message.snapshot.index}/${message.snapshot.term}`;
    case "read-index":
      return `read-index? ${message.context}`;
    case "read-index-response":
      return `read-index ${message.context} at ${message.index}`;
    case "timeout-now":
      return "timeout-now";
    case "propose":
      return `propose ${message.entries.map(({ data }) => fromUtf8(data)).join(" ")}`;
  }
}

function entryList(entries: readonly Entry[]): string {
  return `[${entries.map(entryText).join(", ")}]`;
}

export function entryText({ index, term, type, data }: Entry): string {
  if (type === "normal") return `${index}/${term}${data.length > 0 ? ` ${fromUtf8(data)}` : ""}`;
  const change = decodeConfChange(data);
  if (change?.type === "leave-joint") return `${index}/${term} leave-joint`;
  const steps = change?.type === "joint" ? change.changes : [change];
  const text = steps.map((step) => `${step?.type} ${step?.member}`).join(" and ");
  return `${index}/${term} ${change?.type === "joint" ? `joint ${text}` : text}`;
}
