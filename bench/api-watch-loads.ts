/** Watches of a collection, and changes that they are told of. */
import { collection, eachOnce, type Load } from "./api-loads.ts";
import { watchClient } from "./watchers.ts";

const updatesPerSecond = 40;

interface Watching {
  readonly watches: number;
  readonly connections: number;
  readonly updates: number;
}

const nameOf = ({ watches, connections }: Watching) =>
  `watch: ${watches.toLocaleString("en")} on ${connections.toLocaleString("en")} connections, events`;

/** Objects change as fast as they can; the time is that until every watch has had every event. */
export function watchLoad(options: Watching): Load {
  const { watches, connections, updates } = options;
  return {
    name: nameOf(options),
    requests: watches * updates,
    async run(context) {
      const { server } = context;
      const client = await watchClient(server, collection, { watches, connections });
      try {
        const time = client.untilEvents(updates);
        await client.counting;
        const before = server.cpuSeconds();
        await eachOnce(context, {
          method: "PATCH",
          paths: context.paths.slice(0, updates),
          body: JSON.stringify({ metadata: { annotations: { watched: `${context.round} of ${watches}` } } }),
          contentType: "application/merge-patch+json",
          streams: 8,
        });
        const ms = await time;
        return {
          perSecond: (watches * updates * 1000) / ms,
          p99Ms: Number.NaN,
          cpuSeconds: server.cpuSeconds() - before,
        };
      } finally {
        client.stop();
      }
    },
  };
}

/** One object changes at a pace that leaves the server idle in between: how long an event takes from the change to the watcher. */
export function pacedWatchLoad(options: Watching): Load {
  const { watches, connections, updates } = options;
  return {
    name: `${nameOf(options)} of ${updatesPerSecond} changes/s`,
    requests: watches * updates,
    async run({ server, paths }) {
      const client = await watchClient(server, collection, { watches, connections });
      try {
        const before = server.cpuSeconds();
        const began = performance.now();
        const changes = { count: updates, perSecond: updatesPerSecond, path: paths[0] as string };
        const p99Ms = await client.p99Ms(changes);
        return {
          perSecond: (watches * updates * 1000) / (performance.now() - began),
          p99Ms,
          cpuSeconds: server.cpuSeconds() - before,
        };
      } finally {
        client.stop();
      }
    },
  };
}
