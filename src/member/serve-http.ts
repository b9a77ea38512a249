import { createHttpServer, type HttpHandlers } from "../h2/index.ts";
import type { Listener, ListenOptions, Platform } from "../platform/index.ts";
import type { Address } from "./address.ts";
import { listenOrFree } from "./listen.ts";

/** Requests under way may take so long to finish once the server closes. Milliseconds. */
const closeGraceMs = 2000;

/** Listens, and serves both versions of HTTP. */
export async function serveHttp(
  { clock, network }: Platform,
  address: Address,
  handlers: HttpHandlers,
  tls: NonNullable<ListenOptions["tls"]> | undefined,
): Promise<Omit<Listener, "stopAccepting">> {
  const http = createHttpServer({ clock, ...handlers });
  const secure = tls === undefined ? {} : { tls: { ...tls, protocols: ["h2", "http/1.1"] } };
  const listener = await listenOrFree(address, ({ orFree: _, ...at }) =>
    network.listen({ ...at, ...secure }, (connection) => http.serve(connection)),
  );
  return {
    host: listener.host,
    port: listener.port,
    ...(listener.renewTls && { renewTls: listener.renewTls }),
    async close() {
      await http.close({ graceMs: closeGraceMs });
      await listener.close();
    },
  };
}
