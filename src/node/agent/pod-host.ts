import type { Duplex } from "node:stream";
import type { KubeObject } from "../../apimachinery/index.ts";
import type { CommandOptions, CommandStreams } from "../streaming/remote-command.ts";
import type { LogQuery } from "./log-query.ts";
import type { Summary } from "./summary.ts";

/** A refusal that whoever asked is told as it is. */
export class HostError extends Error {
  /** Of HTTP. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface ContainerName {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** A node's pods as the kubelet's API shows them. All throw HostError. */
export interface PodHost {
  pods(): readonly KubeObject[];
  /** Ends when all is told; of a followed log, when the container has ended. */
  logs(name: ContainerName, query: LogQuery, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Throws before anything is accepted where there is no such container. */
  requireContainer(name: ContainerName): void;
  exec(
    name: ContainerName,
    command: readonly string[],
    options: CommandOptions,
    streams: CommandStreams,
  ): Promise<void>;
  attach(name: ContainerName, options: CommandOptions, streams: CommandStreams): Promise<void>;
  /** Connects to a port of the pod. */
  dial(pod: { readonly namespace: string; readonly pod: string }, port: number): Promise<Duplex>;
  summary(): Promise<Summary>;
}
