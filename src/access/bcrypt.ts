/**
 * bcrypt on a thread of its own: as JavaScript it takes a tenth of a second, in which this thread would write no log. The thread runs this
 * very module, which is therefore loaded when the first password comes, and by nothing else than `passwords.ts`.
 */
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { hashSync } from "bcryptjs";

interface Question {
  readonly password: string;
  /** `$2a$10$` and 22 letters. */
  readonly salt: string;
}

interface Waiting {
  readonly resolve: (hash: string) => void;
  readonly reject: (error: Error) => void;
}

/** The hash begins with the salt. One at a time, in the order of the calls; the process does not wait for it. */
export type Bcrypt = (password: string, salt: string) => Promise<string>;

export function startBcrypt(): Bcrypt {
  const waiting: Waiting[] = [];
  let worker: Worker | undefined;
  const start = (): Worker => {
    const started = new Worker(new URL(import.meta.url));
    started.on("message", (hash: string) => {
      waiting.shift()?.resolve(hash);
      if (waiting.length === 0) started.unref();
    });
    started.on("error", (error: Error) => {
      worker = undefined;
      for (const { reject } of waiting.splice(0)) reject(error);
    });
    return started;
  };
  return (password, salt) =>
    new Promise((resolve, reject) => {
      worker ??= start();
      waiting.push({ resolve, reject });
      worker.ref();
      worker.postMessage({ password, salt } satisfies Question);
    });
}

if (!isMainThread) {
  parentPort?.on("message", ({ password, salt }: Question) => {
    parentPort?.postMessage(hashSync(password, salt));
  });
}
