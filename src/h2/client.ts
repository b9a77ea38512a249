import type { Clock, Connection } from "../platform/index.ts";
import { ClientConnection } from "./client-connection.ts";
import { HeaderEncoder } from "./header-encoder.ts";
import { type ClientLimits, clientLimits } from "./limits.ts";
import type { HttpClient } from "./ports.ts";

export interface HttpClientOptions {
  readonly clock: Clock;
  readonly limits?: Partial<ClientLimits>;
}

/** HTTP/2 over connections that others opened: with ALPN "h2", or in cleartext to a server that is known to speak it. */
export function createHttpClient(options: HttpClientOptions): {
  /** `onRoom`: another stream may be opened, or none ever again. */
  use(connection: Connection, onRoom: () => void): HttpClient;
} {
  const encoder = new HeaderEncoder();
  const limits = { ...clientLimits, ...options.limits };
  return {
    use: (connection, onRoom) =>
      new ClientConnection(connection, { limits, clock: options.clock, encoder, onRoom }),
  };
}
