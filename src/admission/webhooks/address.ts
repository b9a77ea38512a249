import type { WebhookAddress } from "../ports.ts";
import type { Webhook } from "./configuration.ts";

const httpsPort = 443;

/** Where a webhook listens, and what it is called there. */
export function addressOf(
  { url, service, caBundle }: Webhook["clientConfig"],
  timeoutSeconds: number,
): WebhookAddress {
  const ca =
    caBundle === undefined || caBundle === "" ? undefined : Buffer.from(caBundle, "base64").toString();
  const query = `?timeout=${timeoutSeconds}s`;
  if (service === undefined) return { url: `${url}${query}`, ca, service: undefined };
  const { namespace, name, path = "", port = httpsPort } = service;
  const target = `https://${name}.${namespace}.svc:${port}${path.startsWith("/") ? path : `/${path}`}${query}`;
  return { url: target, ca, service: { namespace, name, port } };
}
