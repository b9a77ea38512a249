/** What the agent knows of a pod's containers; written down beside them, so that it knows after a restart too. */

export interface Termination {
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly id: string;
}

export type ContainerState =
  | { readonly kind: "waiting"; readonly reason: string; readonly message?: string }
  | {
      readonly kind: "running";
      readonly startedAt: number;
      readonly pid: number;
      readonly startTime: string;
      readonly id: string;
      /** Why it is being ended by us, where it is. */
      readonly killed?: string;
    }
  | ({ readonly kind: "terminated" } & Termination);

export interface ContainerRecord {
  readonly name: string;
  state: ContainerState;
  /** The termination before the present state. */
  last: Termination | undefined;
  /** Starts so far; the n-th has the log `n-1.log`. */
  starts: number;
  /** Its startup probe has succeeded and its postStart hook is done. */
  started: boolean;
  /** Its readiness probe says so, or it has none. */
  ready: boolean;
}

export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  podIp: string | undefined;
  /** Milliseconds since 1970: when the agent first saw it. */
  readonly acceptedAt: number;
  readonly containers: Map<string, ContainerRecord>;
  /** The pod has ended for good, whatever its containers would say: eviction or a deadline. */
  failure: { readonly reason: string; readonly message: string } | undefined;
}

/** `waiting`: the reason before anything was tried. */
export function newRecord(name: string, waiting: string): ContainerRecord {
  return {
    name,
    state: { kind: "waiting", reason: waiting },
    last: undefined,
    starts: 0,
    started: false,
    ready: false,
  };
}

export function encodeRecord(record: PodRecord): string {
  return JSON.stringify({ ...record, containers: [...record.containers.values()] });
}

/** Undefined where the text is none of ours. */
export function decodeRecord(text: string): PodRecord | undefined {
  try {
    const parsed = JSON.parse(text);
    if (typeof parsed?.uid !== "string" || !Array.isArray(parsed.containers)) return undefined;
    const containers = new Map<string, ContainerRecord>(
      parsed.containers.map((one: ContainerRecord) => [one.name, { ...one, last: one.last }]),
    );
    return { podIp: undefined, failure: undefined, ...parsed, containers };
  } catch {
    return undefined;
  }
}
