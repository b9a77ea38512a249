/** The log as etcd writes it: one JSON object a line, or columns for people; scripts look for its messages. */
import type { Clock } from "../../platform/index.ts";
import type { Log, LogFields, LogLevel } from "../../telemetry/index.ts";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export interface EtcdLogOptions {
  readonly clock: Clock;
  readonly level: string;
  readonly format: string;
  readonly write: (line: string) => void;
  /** How a line begins; with microseconds by default, as the server's lines do. */
  readonly timestamp?: (milliseconds: number) => string;
}

/** `fatal` and `panic` let errors pass, too: here nothing is worse. @throws Error where level or format is not known */
export function createEtcdLog(options: EtcdLogOptions, channel = "store"): Log {
  const { clock, level, format, write, timestamp = withMicroseconds } = options;
  const least = level === "fatal" || level === "panic" || level === "dpanic" ? "error" : level;
  const position = levels.indexOf(least as LogLevel);
  if (position < 0) throw new Error(`unrecognized level: "${level}"`);
  if (format !== "json" && format !== "console")
    throw new Error(`unknown log format: ${format}, supported values json, console`);
  const at = (own: LogLevel) => {
    if (levels.indexOf(own) < position) return () => {};
    return (message: string, fields: LogFields = {}) => {
      const ts = timestamp(clock.now());
      const caller = `raftsman/${channel}`;
      if (format === "json")
        write(`${JSON.stringify({ level: own, ts, caller, msg: message, ...fields }, jsonValue)}\n`);
      else {
        const details = Object.keys(fields).length === 0 ? "" : `\t${spaced(fields)}`;
        write(`${ts}\t${own}\t${caller}\t${message.replaceAll("\n", " ")}${details}\n`);
      }
    };
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    channel: (name) => createEtcdLog(options, `${channel}/${name}`),
  };
}

function withMicroseconds(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}

/** On one line, with a space behind each colon and comma. Line ends are between values only: in texts JSON escapes them. */
function spaced(fields: LogFields): string {
  return JSON.stringify(fields, jsonValue, 1)
    .replace(/([[{])\n */g, "$1")
    .replace(/\n *([\]}])/g, "$1")
    .replace(/\n */g, " ");
}

function jsonValue(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? value.message : value;
}
