import type { AdmissionReader, WebhookAddress, WebhookClient } from "../../admission/index.ts";
import type { Random } from "../../platform/index.ts";
import { type Peers, wholeBody } from "./peers.ts";
import { ServiceUnavailable, serviceAddress } from "./service-address.ts";
import { type RawAnswer, webhookAnswer } from "./webhook-answer.ts";

/** Bytes of a webhook's answer: the objects of a ConversionReview in another version, with room for growth. */
const answerBytesMax = 32 * 1024 * 1024;

/** Calls webhooks over HTTPS, certificates checked. A Service is called at one of its endpoints, by its name. */
export function webhookClient(deps: {
  readonly peers: Peers;
  readonly reader: AdmissionReader;
  readonly random: Random;
}): WebhookClient {
  return {
    async post(address, body, timeoutMs) {
      const { url, ca, service } = address;
      let answer: RawAnswer;
      const target = new URL(url);
      let connect: Place | undefined;
      try {
        connect = service === undefined ? undefined : await serviceAddress(deps.reader, deps.random, service);
        const transport = deps.peers.transport({
          server: connect === undefined ? target.origin : `https://${hostPort(connect)}`,
          ...(connect === undefined ? {} : { serverName: target.hostname }),
          ...(ca === undefined ? {} : { ca }),
          timeoutMs,
        });
        const response = await transport.request({
          method: "POST",
          path: target.pathname + target.search,
          headers: { "content-type": "application/json", accept: "application/json, */*" },
          body,
          signal: AbortSignal.timeout(timeoutMs),
        });
        answer = {
          status: response.status,
          contentType: String(response.headers["content-type"] ?? ""),
          body: (await wholeBody(response.body, answerBytesMax)).toString(),
        };
      } catch (error) {
        throw new Error(`Post ${JSON.stringify(url)}: ${explain(error, address, connect)}`);
      }
      return webhookAnswer(answer);
    },
  };
}

interface Place {
  readonly host: string;
  readonly port: number;
}

function hostPort({ host, port }: Place): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

interface ConnectError extends Error {
  readonly code?: string;
  /** Of a certificate that is not for the host: who it is for. */
  readonly cert?: { readonly subject?: { readonly CN?: string }; readonly subjectaltname?: string };
}

const httpsPort = 443;
const untrusted: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

/** What went wrong on the way, as Go says it. */
function explain(error: unknown, { url, service }: WebhookAddress, connect: Place | undefined): string {
  if (error instanceof ServiceUnavailable && service !== undefined) {
    const name = JSON.stringify(service.name);
    switch (error.reason) {
      case "ServiceNotFound":
        return `service ${name} not found`;
      case "ServicePortError":
        return `no service port ${service.port} found for service ${name}`;
      case "EndpointsNotFound":
        return `endpoints ${name} not found`;
      default:
        return `no endpoints available for service ${name}`;
    }
  }
  const { code = "", name, message, cert } = error as ConnectError;
  const target = new URL(url);
  const host = target.hostname.replace(/^\[(.*)\]$/, "$1");
  const dialled = hostPort(connect ?? { host, port: Number(target.port || httpsPort) });
  const untrustworthy = (why: string): string => `tls: failed to verify certificate: x509: ${why}`;
  if (name === "TimeoutError" || name === "AbortError") return "context deadline exceeded";
  if (untrusted.has(code)) return untrustworthy("certificate signed by unknown authority");
  switch (code) {
    case "ECONNREFUSED":
      return `dial tcp ${dialled}: connect: connection refused`;
    case "EHOSTUNREACH":
      return `dial tcp ${dialled}: connect: no route to host`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `dial tcp: lookup ${host}: no such host`;
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
      return "EOF";
    case "CERT_HAS_EXPIRED":
      return untrustworthy("certificate has expired or is not yet valid");
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return untrustworthy(wrongName(host, cert));
    default:
      return message;
  }
}

/** Who a certificate is for, and that it is not for the host. */
function wrongName(host: string, cert: ConnectError["cert"]): string {
  const names = cert?.subjectaltname?.split(", ") ?? [];
  const of = (type: string): string[] =>
    names.filter((name) => name.startsWith(type)).map((name) => name.slice(type.length));
  if (names.length === 0 && cert?.subject?.CN === host)
    return "certificate relies on legacy Common Name field, use SANs instead";
  const isAddress = /^[\d.]+$|:/.test(host);
  const valid = isAddress ? of("IP Address:") : of("DNS:");
  if (valid.length > 0) return `certificate is valid for ${valid.join(", ")}, not ${host}`;
  return isAddress
    ? `cannot validate certificate for ${host} because it doesn't contain any IP SANs`
    : `certificate is not valid for any names, but wanted to match ${host}`;
}
