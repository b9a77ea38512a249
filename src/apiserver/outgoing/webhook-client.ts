import type { AdmissionReader, WebhookAddress, WebhookClient } from "../../admission/index.ts";
import type { Random } from "../../platform/index.ts";
import { type Peers, wholeBody } from "./peers.ts";
import { ServiceUnavailable, serviceAddress } from "./service-address.ts";

/** Bytes of a webhook's answer: as large as a request may be. */
const answerBytesMax = 3 * 1024 * 1024;

/** Calls admission webhooks over HTTPS, certificates checked. A Service is called at one of its endpoints, by its name. */
export function webhookClient(deps: {
  readonly peers: Peers;
  readonly reader: AdmissionReader;
  readonly random: Random;
}): WebhookClient {
  return {
    async post(address, body, timeoutMs) {
      const { url, ca, service } = address;
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
        const answer = await wholeBody(response.body, answerBytesMax);
        return { status: response.status, body: answer.toString() };
      } catch (error) {
        throw new Error(`Post ${JSON.stringify(url)}: ${explain(error, address, connect)}`);
      }
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
  const { code = "", name, message } = error as ConnectError;
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
      return untrustworthy(`certificate is not valid for ${host}`);
    default:
      return message;
  }
}
