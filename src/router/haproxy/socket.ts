import type { Platform } from "../../platform/index.ts";
import { runtimeTimeoutMs } from "../limits.ts";

/** Bytes of one answer at most: the state of some ten thousand servers. */
const answerBytesMax = 16 * 1024 * 1024;

/** Says commands to one of HAProxy's sockets, separated by semicolons, and reads all answers. @throws Error when it is not there */
export async function askHaproxy(
  { network, clock }: Platform,
  path: string,
  commands: string,
): Promise<string> {
  const { stream } = await network.connect({ host: "", port: 0, path, timeoutMs: runtimeTimeoutMs });
  const timer = clock.after(runtimeTimeoutMs, () =>
    stream.destroy(new Error("HAProxy does not answer on its socket")),
  );
  try {
    stream.end(`${commands}\n`);
    let text = "";
    for await (const chunk of stream) {
      text += chunk;
      if (text.length > answerBytesMax) throw new Error("HAProxy's answer is too long");
    }
    return text;
  } finally {
    timer.cancel();
    stream.destroy();
  }
}
