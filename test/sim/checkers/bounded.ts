import type { Checker } from "../observer.ts";

/** Messages that one turn may hand to the network: what every follower may have in flight, and a little. */
const messagesMax = 2000;

/**
 * Queues are bounded: what a leader has on its way to a follower, what one turn hands out, and the log on the disk, which goes when an image
 * stands for it.
 */
export function boundedQueues(): Checker {
  return {
    ready({ parts: { raftConfig } }, { messages, committed }) {
      if (messages.length > messagesMax) throw new Error(`bounds: ${messages.length} messages in one turn`);
      let bytes = 0;
      for (const { data } of committed.slice(0, -1)) bytes += data.length;
      if (bytes > raftConfig.committedBytesMax)
        throw new Error(`bounds: ${bytes} bytes to apply in one turn`);
    },
    applied({ parts: { raft, raftConfig } }) {
      // The append that reaches the bound still goes.
      const bytesMax = (raftConfig.inflightBytesMax ?? 0) + raftConfig.appendBytesMax;
      for (const { inflightBytes, member } of raft.status.progress) {
        if (inflightBytes < 0 || inflightBytes > bytesMax)
          throw new Error(`bounds: ${inflightBytes} bytes on their way to ${member}`);
      }
    },
    settled({ machine, parts: { wal, images }, log }) {
      const kept = log.bytesSince(images.releasable);
      const segmentsMax = 6 + Math.ceil((4 * kept) / (machine.config.segmentBytes ?? 1));
      if (wal.stats.segments > segmentsMax)
        throw new Error(
          `bounds: ${machine.name} keeps ${wal.stats.segments} segments of log for ${kept} bytes since the image before the last`,
        );
    },
  };
}
