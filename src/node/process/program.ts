import { expand } from "./expand.ts";
import type { Container } from "./pod.ts";

/** Where a program of this machine runs, and as whom: as the agent where nothing is said. */
export interface RunAs {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
}

/** What a command needs to run beside the program. */
export interface Surroundings extends RunAs {
  /** The command to run for it; undefined where it is to be found on the PATH of `env` and run as it is. */
  readonly enter?: (command: readonly string[]) => Promise<readonly string[]>;
}

export interface Program {
  readonly command: readonly string[];
  readonly surroundings: Surroundings;
  /** Written when the program itself runs; undefined where it does from the start. */
  readonly startedFile?: string;
}

/** What the container says itself. */
export function commandOf(
  { command = [], args = [] }: Pick<Container, "command" | "args">,
  env: Readonly<Record<string, string>>,
): string[] {
  return [...command, ...args].map((part) => expand(part, variablesOf(env)));
}

export function variablesOf(env: Readonly<Record<string, string>>): (name: string) => string | undefined {
  return (name) => (Object.hasOwn(env, name) ? env[name] : undefined);
}
