import { type WebhookClient, webhookAddress } from "../../admission/index.ts";
import type { ConversionWebhook } from "../../registry/index.ts";

/** For one review: upstream's. */
const conversionTimeoutSeconds = 30;

/** Posts ConversionReviews to the webhooks of CRDs. */
export function conversionWebhook(client: WebhookClient): ConversionWebhook {
  return async (config, review) => {
    const address = webhookAddress(config, conversionTimeoutSeconds);
    try {
      return await client.post(address, review, conversionTimeoutSeconds * 1000);
    } catch (error) {
      const { message } = error as Error;
      // Here the time is the client's own upstream, not the request's, and Go says so.
      if (!message.endsWith(": context deadline exceeded")) throw error;
      throw new Error(`${message} (Client.Timeout exceeded while awaiting headers)`);
    }
  };
}
