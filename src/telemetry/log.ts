/** Details of a line. Values are shown as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where a room says what it does. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log under a name, `raft` or `controllers.deployment`. */
  channel(name: string): Log;
}

export interface LogOptions {
  /** Gets whole lines, line end included. */
  readonly sink: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Less than this is not written. */
  readonly level: LogLevel;
  /** One JSON object a line for programs, or text for people. */
  readonly format: "json" | "text";
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function createLog(options: LogOptions, channel = ""): Log {
  const least = levels.indexOf(options.level);
  const writer = (level: LogLevel) => {
    if (levels.indexOf(level) < least) return () => {};
    return (message: string, fields: LogFields = {}) => {
      const time = new Date(options.now()).toISOString();
      options.sink(
        options.format === "json"
          ? jsonLine(time, level, channel, message, fields)
          : textLine(time, level, channel, message, fields),
      );
    };
  };
  return {
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
    channel: (name) => createLog(options, channel === "" ? name : `${channel}.${name}`),
  };
}

function jsonLine(
  time: string,
  level: LogLevel,
  channel: string,
  message: string,
  fields: LogFields,
): string {
  // The line's own fields win over those of the caller.
  return `${JSON.stringify({ ...fields, time, level, ...(channel === "" ? {} : { channel }), message }, jsonValue)}\n`;
}

function textLine(
  time: string,
  level: LogLevel,
  channel: string,
  message: string,
  fields: LogFields,
): string {
  const details = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${JSON.stringify(value, jsonValue)}`,
  );
  // One entry is one line: what a client made us say cannot pass for another entry.
  const words = message.replace(/[\r\n]+/g, " ");
  return `${time} ${level.padEnd(5)} ${channel === "" ? "" : `${channel}: `}${words}${details.join("")}\n`;
}

/** What JSON has no form for. */
function jsonValue(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? value.message : value;
}
