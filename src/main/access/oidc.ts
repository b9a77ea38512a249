/** What OpenID Connect providers publish, over HTTPS. */
import { type Json, parseJson } from "../../apimachinery/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { type Transport, undiciTransport } from "../../client/index.ts";

const documentBytesMax = 1024 * 1024;
const timeoutMs = 30_000;

/** `ca`: PEM; the system's authorities when left out. */
export function documentFetcher(ca: string | undefined): (url: string) => Promise<Json> {
  return async (url) => {
    const { origin, pathname, search, protocol } = new URL(url);
    if (protocol !== "https:") throw new Error(`${url}: https was expected`);
    const transport = undiciTransport({ server: origin, timeoutMs, ...(ca === undefined ? {} : { ca }) });
    try {
      return await read(transport, pathname + search, url);
    } finally {
      await transport.close();
    }
  };
}

async function read(transport: Transport, path: string, url: string): Promise<Json> {
  const response = await transport.request({
    method: "GET",
    path,
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(timeoutMs),
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > documentBytesMax) throw new Error(`${url}: longer than ${documentBytesMax} bytes`);
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`${url}: status ${response.status}`);
  return parseJson(fromUtf8(Buffer.concat(chunks)));
}
