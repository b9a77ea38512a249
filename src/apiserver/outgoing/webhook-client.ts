import type { AdmissionReader, WebhookAddress, WebhookClient } from "../../admission/index.ts";
import type { Random } from "../../platform/index.ts";
import { connectionError, hostPort, type Place } from "./connection-error.ts";
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

const httpsPort = 443;

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
  const target = new URL(url);
  const host = target.hostname.replace(/^\[(.*)\]$/, "$1");
  return connectionError(error, host, connect ?? { host, port: Number(target.port || httpsPort) });
}
