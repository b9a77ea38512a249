import type { Platform } from "../../../src/platform/index.ts";
// The cores of simulated members are opened up here, and nowhere else.
import { Core } from "../../../src/raft/core.ts";
import { createRaft } from "../../../src/raft/raft.ts";
import type { ReplicaParts } from "../../../src/replica/index.ts";
import type { Fault } from "../weather.ts";

export interface Bug {
  /** What is wrong, as a sentence of a post-mortem. */
  readonly what: string;
  /** The days that bring it out soonest, where on most days it does no harm. */
  readonly faults?: readonly Fault[];
  readonly platform?: (platform: Platform) => Platform;
  readonly core?: (core: Core) => void;
  readonly parts?: (parts: ReplicaParts) => ReplicaParts;
}

/** A member's platform with the bug in it. */
export function plantInPlatform(bug: Bug | undefined, platform: Platform): Platform {
  return bug?.platform?.(platform) ?? platform;
}

/** A member's parts with the bug in them, before anybody watches them. */
export function plantInParts(bug: Bug | undefined, parts: ReplicaParts): ReplicaParts {
  let planted = parts;
  if (bug?.core !== undefined) {
    const core = new Core(parts.raftConfig);
    bug.core(core);
    planted = { ...parts, raft: createRaft(parts.raftConfig, core) };
  }
  return bug?.parts?.(planted) ?? planted;
}

/** The same object with other methods. */
export function overriding<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      const value = methods[key as keyof T] ?? target[key as keyof T];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
