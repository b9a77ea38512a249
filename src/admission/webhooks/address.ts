import type { WebhookClientConfig } from "../../apimachinery/index.ts";
import type { WebhookAddress } from "../ports.ts";

const httpsPort = 443;

/** Where a webhook listens, and what it is called there. */
export function webhookAddress(
  { url, service, caBundle = "" }: WebhookClientConfig,
  timeoutSeconds: number,
): WebhookAddress {
  const pem = Buffer.from(caBundle, "base64").toString();
  const ca = pem.trim() === "" ? undefined : pem;
  const query = `?timeout=${timeoutSeconds}s`;
  if (service === undefined) return { url: `${url}${query}`, ca, service: undefined };
  const { namespace = "", name = "", path = "", port = httpsPort } = service;
  const target = `https://${name}.${namespace}.svc:${port}${path.startsWith("/") ? path : `/${path}`}${query}`;
  return { url: target, ca, service: { namespace, name, port } };
}
