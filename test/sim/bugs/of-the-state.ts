import type { Revision } from "../../../src/base/index.ts";
import type { Bug } from "./bug.ts";

/** Mistakes about keys, leases, watches and images. */
export const bugsOfTheState = {
  "lost-watch-event-at-compaction": {
    what: "a watch that begins in what is compacted begins behind it, and is not told",
    parts: (parts) => {
      const { hub, mvcc } = parts.state;
      const watch = hub.watch.bind(hub);
      hub.watch = (query, observer) => {
        const { startRevision = 0 } = query;
        const from = startRevision === 0 ? 0 : Math.max(startRevision, mvcc.compactRevision);
        return watch({ ...query, startRevision: from as Revision }, observer);
      };
      return parts;
    },
  },
  "lease-revoked-by-an-old-leader": {
    what: "a lease ends by the word of a leader that was deposed before the word was committed",
    faults: ["cut the leader off", "pause the leader", "slow network"],
    parts: (parts) => {
      const { state } = parts;
      const apply = state.apply.bind(state);
      state.apply = (command, term) =>
        apply(
          command.type === "lease-revoke" && command.expiredInTerm !== 0
            ? { ...command, expiredInTerm: term }
            : command,
          term,
        );
      return parts;
    },
  },
  "snapshot-without-its-tail": {
    what: "an image is finished without the piece that was gathered last",
    parts: (parts) => {
      const { images } = parts;
      const write = images.write.bind(images);
      images.write = (meta, pieces) => write(meta, withoutLast(pieces));
      return parts;
    },
  },
  "checkpoint-not-cleared": {
    what: "a lease is renewed, and the log still says that it has little left: whoever leads next believes that",
    parts: (parts) => {
      const { lessor } = parts.state;
      const renew = lessor.renew.bind(lessor);
      lessor.renew = (id, now) => ({ ...renew(id, now), checkpointCleared: false });
      return parts;
    },
  },
  "roles-not-in-images": {
    what: "whoever takes in a leader's image keeps the users and roles that it had",
    faults: ["breaking images", "kill", "cut in two"],
    parts: (parts) => {
      parts.state.access.restore = () => {};
      return parts;
    },
  },
  "alarms-not-in-images": {
    what: "whoever takes in a leader's image keeps the alarms that it knew",
    faults: ["filling disk", "breaking images", "cut in two"],
    parts: (parts) => {
      parts.state.alarms.restore = () => {};
      return parts;
    },
  },
  "progress-ahead-of-events": {
    what: "progress is where the store is, and a watcher without room has not seen that",
    parts: (parts) => {
      const { hub, mvcc } = parts.state;
      const watch = hub.watch.bind(hub);
      hub.watch = (query, observer) => {
        const made = watch(query, observer);
        return { ...made, requestProgress: () => observer.onProgress?.(mvcc.revision) };
      };
      return parts;
    },
  },
  "slow-watcher-loses-a-batch": {
    what: "what a watcher had no room for is not brought again",
    parts: (parts) => {
      const { hub } = parts.state;
      const watch = hub.watch.bind(hub);
      hub.watch = (query, observer) =>
        watch(query, {
          ...observer,
          onEvents: (events, revision) => {
            observer.onEvents(events, revision);
            return true;
          },
        });
      return parts;
    },
  },
} as const satisfies Record<string, Bug>;

function* withoutLast<T>(items: Iterable<T>): Generator<T> {
  let held: T | undefined;
  for (const item of items) {
    if (held !== undefined) yield held;
    held = item;
  }
}
