import type { WebhookAddress } from "../ports.ts";

const httpsPort = 443;

/** Where somebody's configuration says that a webhook listens: one of url and service is there. */
export interface WebhookPlace {
  readonly url?: string;
  readonly service?: {
    readonly namespace?: string;
    readonly name?: string;
    readonly path?: string;
    readonly port?: number;
  };
  /** Base64 of PEM; the system's authorities where it is empty. */
  readonly caBundle?: string;
}

/** Where a webhook listens, and what it is called there. */
export function webhookAddress(
  { url, service, caBundle = "" }: WebhookPlace,
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
