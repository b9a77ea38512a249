/** Questions put to somebody's server, in JSON, by a kubeconfig that says where it is: as k8s.io/apiserver/pkg/util/webhook asks. */
import { type Json, parseJson, stringifyJson } from "../../apimachinery/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { pause, readKubeconfig, type Transport, undiciTransport } from "../../client/index.ts";
import type { Clock, Disk } from "../../platform/index.ts";

const answerBytesMax = 1024 * 1024;
const triesMax = 5;
const firstPauseMs = 500;
const pauseFactor = 1.5;
/** Answers after which another try may be luckier. */
const passing: ReadonlySet<number> = new Set([429, 500, 504]);

/** Such an answer. */
class PassingError extends Error {}

/** @throws Error that says what is wrong with the file */
export async function jsonWebhook(
  { disk, clock }: { readonly disk: Disk; readonly clock: Clock },
  { file, timeoutMs }: { readonly file: string; readonly timeoutMs: number },
): Promise<(question: Json) => Promise<Json>> {
  const context = await readKubeconfig(disk, file);
  const url = new URL(context.server);
  url.searchParams.set("timeout", `${timeoutMs / 1000}s`);
  const { origin, pathname, search } = url;
  const transport = undiciTransport({ ...context, server: origin, timeoutMs });
  return async (question) => {
    const body = stringifyJson(question);
    for (let tries = 1, waitMs = firstPauseMs; ; tries++, waitMs *= pauseFactor) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        return await post(transport, pathname + search, body, signal);
      } catch (error) {
        if (!(error instanceof PassingError) || tries === triesMax)
          throw new Error(`Post ${JSON.stringify(url.href)}: ${(error as Error).message}`, { cause: error });
        await pause(clock, waitMs, signal);
      }
    }
  };
}

async function post(transport: Transport, path: string, body: string, signal: AbortSignal): Promise<Json> {
  const headers = { "content-type": "application/json", accept: "application/json" };
  const response = await transport.request({ method: "POST", path, headers, body, signal });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > answerBytesMax)
      throw new Error(`the webhook's answer is longer than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  const status = response.status;
  if (passing.has(status)) throw new PassingError(`the webhook answered with status ${status}`);
  if (status < 200 || status > 299) throw new Error(`the webhook answered with status ${status}`);
  return parseJson(fromUtf8(Buffer.concat(chunks)));
}
