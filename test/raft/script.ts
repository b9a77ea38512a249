import { type Term, utf8 } from "../../src/base/index.ts";
import { type ConfChange, encodeConfChange, type Message } from "../../src/raft/index.ts";
import { Cluster, memberId, type Tuning } from "./cluster.ts";
import { entryText, Transcript } from "./transcript.ts";

/*
 * Interaction scripts: commands, a line of dashes, what came of them, an empty line. Lines that begin with # are the
 * author's. A rewritten script has the same commands with what came of them now.
 *
 *   members 3 [inflight=1] [inflightBytes=100] [bytes=100] [trailing=0] [shared=0] [heartbeat=1] [uncommitted=100]
 *   a new cluster of voters 1…3
 *   logs 1,1,2 1,1 1,3                                members whose logs have these terms ("-": none), nothing committed
 *   join 4                                            a member that knows nothing
 *   elect 1                                           1 becomes leader; how is not written down
 *   campaign 1       tick 1 10        propose 1 a b   transfer 1 2       read 2 100
 *   change 1 add-learner 4                            proposes a conf change; more than one of them: a joint one
 *   cut 1 [2]                                         what 1 sends and is sent is lost (to and from 2); heal: all arrives
 *   hold 1           flush 1 [n]                      writes of 1 wait; the oldest n, or all, are durable
 *   crash 1          start 1          compact 1       unreachable 1 2
 *   ready                                             everybody carries out its Readys, nothing is delivered
 *   deliver [1 2]                                     what is on its way (from 1 to 2) arrives, and no more
 *   settle                                            until nothing is left to do
 *   status [1]       progress 1       log 1
 */

interface Block {
  readonly commands: readonly string[];
  readonly output: string;
}

/** Runs a script; answers it as it ought to read. */
export function runScript(text: string): string {
  const script = new Script();
  const blocks = parse(text).map(({ commands }) => {
    for (const command of commands) if (command !== "" && !command.startsWith("#")) script.run(command);
    return `${commands.join("\n")}\n----\n${script.transcript.take() || "nothing"}\n`;
  });
  return blocks.join("\n");
}

function parse(text: string): Block[] {
  const blocks: Block[] = [];
  let commands: string[] = [];
  let output: string[] | undefined;
  for (const line of [...text.trimEnd().split("\n"), ""]) {
    if (output) {
      if (line === "") {
        blocks.push({ commands, output: output.join("\n") });
        commands = [];
        output = undefined;
      } else output.push(line);
    } else if (line === "----") output = [];
    else if (line !== "") commands.push(line);
    else if (commands.length > 0) {
      // A new block, whose outcome is not written yet.
      blocks.push({ commands, output: "" });
      commands = [];
    }
  }
  return blocks;
}

class Script {
  readonly transcript = new Transcript();
  readonly #cluster = new Cluster(this.transcript);
  /** Pairs "from to" whose messages are lost. */
  readonly #cut = new Set<string>();

  constructor() {
    const cluster = this.#cluster;
    cluster.lost = (message) => {
      const lost = this.#cut.has(`${message.from} ${message.to}`);
      if (lost) this.transcript.message(message, ", lost");
      return lost;
    };
    const deliver = cluster.deliver.bind(cluster);
    cluster.deliver = (envelope) => {
      this.transcript.message(
        envelope.message,
        cluster.members.get(envelope.message.to)?.raft ? "" : ", nobody there",
      );
      deliver(envelope);
    };
  }

  run(line: string): void {
    const [command, ...words] = line.split(/\s+/);
    const numbers = words.map(Number);
    const [first = Number.NaN, second = Number.NaN] = numbers;
    const cluster = this.#cluster;
    switch (command) {
      case "members":
        cluster.bootstrap(first, tuning(words.slice(1)));
        this.transcript.take();
        this.#status();
        break;
      case "logs":
        this.#restore(words.map((terms) => (terms === "-" ? [] : terms.split(",").map(Number))));
        this.#status();
        break;
      case "join":
        cluster.join(first);
        break;
      case "elect":
        cluster.elect(first);
        this.transcript.take();
        this.#status(first);
        break;
      case "campaign":
        cluster.raft(first).campaign();
        break;
      case "tick":
        for (let i = 0; i < second; i++) cluster.member(first).tick();
        break;
      case "propose":
        this.#propose(
          first,
          words.slice(1).map((word) => ({ type: "normal", data: utf8(word) })),
        );
        break;
      case "change": {
        const changes: ConfChange[] = [];
        for (let i = 1; i < words.length; i += 2)
          changes.push({ type: words[i], member: memberId(numbers[i + 1] as number) } as ConfChange);
        const change =
          changes.length === 1 ? (changes[0] as ConfChange) : ({ type: "joint", changes } as const);
        this.#propose(first, [{ type: "conf-change", data: encodeConfChange(change) }]);
        break;
      }
      case "read":
        if (!cluster.raft(first).readIndex(second)) this.transcript.note(`${first} has nobody to ask`);
        break;
      case "transfer":
        cluster.raft(first).transferLeadership(memberId(second));
        break;
      case "cut":
        this.#cutOff(first, Number.isNaN(second) ? undefined : second);
        break;
      case "heal":
        this.#cut.clear();
        break;
      case "hold":
        cluster.member(first).held = true;
        break;
      case "flush":
        cluster.member(first).flush(Number.isNaN(second) ? undefined : second);
        break;
      case "crash":
        cluster.member(first).crash();
        break;
      case "start":
        cluster.member(first).held = false;
        cluster.member(first).start();
        break;
      case "compact":
        cluster.member(first).compact();
        break;
      case "unreachable":
        cluster.raft(first).reportUnreachable(memberId(second));
        break;
      case "ready":
        for (const member of cluster.members.values()) member.process();
        break;
      case "deliver":
        this.#deliver(first, second);
        break;
      case "settle":
        cluster.settle();
        break;
      case "status":
        this.#status(Number.isNaN(first) ? undefined : first);
        break;
      case "progress":
        for (const { member, state, match, next, learner } of cluster.raft(first).status.progress) {
          this.transcript.note(`${member} ${state} match ${match} next ${next}${learner ? " learner" : ""}`);
        }
        break;
      case "log":
        this.transcript.note(cluster.member(first).log.map(entryText).join(", "));
        break;
      default:
        throw new Error(`no such command: ${line}`);
    }
  }

  #propose(number: number, entries: Parameters<ReturnType<Cluster["raft"]>["propose"]>[0]): void {
    const result = this.#cluster.raft(number).propose(entries);
    if (result !== "accepted") this.transcript.note(`refused: ${result}`);
  }

  /** Everybody has heard of the last term. */
  #restore(logs: readonly number[][]): void {
    const term = Math.max(...logs.flat()) as Term;
    for (const [position, terms] of logs.entries()) {
      this.#cluster.restore(position + 1, logs.length, terms, { term });
    }
  }

  #cutOff(number: number, other: number | undefined): void {
    for (const id of this.#cluster.members.keys()) {
      if (id === memberId(number) || (other !== undefined && id !== memberId(other))) continue;
      this.#cut.add(`${number} ${id}`).add(`${id} ${number}`);
    }
  }

  #deliver(from: number, to: number): void {
    const cluster = this.#cluster;
    const due = ({ from: sender, to: receiver }: Message) =>
      Number.isNaN(from) || (sender === memberId(from) && receiver === memberId(to));
    const envelopes = cluster.network.filter(({ message }) => due(message));
    cluster.network = cluster.network.filter(({ message }) => !due(message));
    for (const envelope of envelopes) cluster.deliver(envelope);
  }

  #status(number?: number): void {
    for (const member of this.#cluster.members.values()) {
      if (number !== undefined && member.id !== memberId(number)) continue;
      if (!member.raft) {
        this.transcript.note(`${member.id} crashed`);
        continue;
      }
      const { id, role, term, leader, commit, applied, lastIndex, confState } = member.raft.status;
      const outgoing = confState.votersOutgoing.length > 0 ? ` with ${confState.votersOutgoing}` : "";
      const learners = confState.learners.length > 0 ? ` learners ${confState.learners}` : "";
      this.transcript.note(
        `${id} ${role} term ${term} leader ${leader || "none"} commit ${commit} applied ${applied} last ${lastIndex}, ` +
          `voters ${confState.voters.join(",") || "none"}${outgoing}${learners}`,
      );
    }
  }
}

function tuning(options: readonly string[]): Tuning {
  const value = (name: string, fallback: number): number => {
    const option = options.find((candidate) => candidate.startsWith(`${name}=`));
    return option ? Number(option.slice(name.length + 1)) : fallback;
  };
  return {
    inflightMessagesMax: value("inflight", 4),
    inflightBytesMax: value("inflightBytes", 65_536),
    appendBytesMax: value("bytes", 4096),
    trailingBytesMax: value("trailing", 0),
    sharedBytesMax: value("shared", 65_536),
    heartbeatTicks: value("heartbeat", 1),
    uncommittedBytesMax: value("uncommitted", 65_536),
  };
}
