/**
 * Where a webhook listens, as somebody's configuration says it: one of url and service is there. The same of admission webhooks and of
 * those that convert custom kinds.
 */
export interface WebhookClientConfig {
  readonly url?: string;
  readonly service?: {
    readonly namespace?: string;
    readonly name?: string;
    readonly path?: string;
    readonly port?: number;
  };
  /** Base64 of PEM; the system's authorities where empty. */
  readonly caBundle?: string;
}
