import type { AdmissionReader } from "../../admission/index.ts";
import { parseJson, stringifyJson } from "../../apimachinery/index.ts";
import type { Random } from "../../platform/index.ts";
import type { ConversionWebhook } from "../../registry/index.ts";
import { type Peers, wholeBody } from "./peers.ts";
import { serviceAddress } from "./service-address.ts";

/** Milliseconds for one conversion: upstream's. */
const conversionTimeoutMs = 30_000;
/** Bytes of an answer: one object, converted. */
const answerBytesMax = 10 * 1024 * 1024;

/** Posts ConversionReviews to the webhooks of CRDs. */
export function conversionWebhook(deps: {
  readonly peers: Peers;
  readonly reader: AdmissionReader;
  readonly random: Random;
}): ConversionWebhook {
  const { peers, reader, random } = deps;
  return async ({ url, service, caBundle }, review) => {
    const trust = caBundle ? { ca: Buffer.from(caBundle, "base64").toString() } : {};
    let server: string;
    let path: string;
    let serverName: string | undefined;
    if (url !== undefined) {
      const target = new URL(url);
      server = target.origin;
      path = target.pathname;
    } else {
      const { namespace = "", name = "", port = 443 } = service ?? {};
      const address = await serviceAddress(reader, random, { namespace, name, port });
      server = `https://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
      serverName = `${name}.${namespace}.svc`;
      path = service?.path ?? "/";
    }
    const transport = peers.transport({
      server,
      ...trust,
      ...(serverName === undefined ? {} : { serverName }),
      timeoutMs: conversionTimeoutMs,
    });
    const response = await transport.request({
      method: "POST",
      path: path.startsWith("/") ? path : `/${path}`,
      headers: { "content-type": "application/json", accept: "application/json" },
      body: stringifyJson(review),
      signal: AbortSignal.timeout(conversionTimeoutMs),
    });
    const text = (await wholeBody(response.body, answerBytesMax)).toString();
    if (response.status < 200 || response.status > 299)
      throw new Error(`the webhook answered status ${response.status}: ${text.slice(0, 200)}`);
    return parseJson(text);
  };
}
