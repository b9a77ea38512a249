/** What a command line of etcdutl's is made of. */

/** As pflag names them: `uint` holds 64 bits, as `int` does. */
export interface UtlFlag {
  readonly name: string;
  readonly shorthand?: string;
  readonly kind: "string" | "int" | "uint" | "bool";
  readonly default: string;
  readonly help: string;
  readonly required?: boolean;
}

/** What the flags of a command say, each as it was written or by default. */
export type UtlFlags = (name: string) => string;

export interface UtlCommand {
  readonly name: string;
  /** Behind the name in the line of usage. */
  readonly operands?: string;
  readonly help: string;
  readonly flags?: readonly UtlFlag[];
  /** Exactly so many, as cobra checks it; undefined: any, or the command looks itself. */
  readonly argumentCount?: number;
  readonly choices?: readonly string[];
  readonly commands?: readonly UtlCommand[];
  /** Undefined: it only holds others. */
  readonly run?: (args: readonly string[], flags: UtlFlags) => Promise<void>;
}

/** Ends with another status than 1. */
export class UtlError extends Error {
  override readonly name = "UtlError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** etcd's (pkg/cobrautl): the arguments make no sense. */
export const statusBadArguments = 128;
/** There is no such way to print. */
export const statusBadFeature = 4;
