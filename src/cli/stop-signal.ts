/** Resolves when the process is asked to end: SIGINT, SIGTERM, or the end of the parent that started it as a member. */
export function stopSignal(): { promise: Promise<void>; stopped(): boolean } {
  let stopped = false;
  const promise = new Promise<void>((resolve) => {
    const stop = () => {
      // Asked twice: a person who does not want to wait.
      if (stopped) process.exit(130);
      stopped = true;
      // Listening for the parent's end holds the process, which is to end once all is closed.
      process.channel?.unref();
      resolve();
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    if (process.send) process.on("disconnect", stop);
  });
  return { promise, stopped: () => stopped };
}
