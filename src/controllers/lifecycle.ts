import type { Workqueue } from "../client/index.ts";

/** Works the queues until the signal fires and what was in hand has ended. */
export async function workUntil(signal: AbortSignal, ...queues: readonly Workqueue[]): Promise<void> {
  for (const queue of queues) queue.start();
  await aborted(signal);
  await Promise.all(queues.map((queue) => queue.stop()));
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
