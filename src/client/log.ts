/** Where the rooms above the API say what they do; the assembly gives them a channel of the process's log. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** A log that nobody reads. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** What went wrong, in one line. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
