import type { Clock, Connection } from "../platform/index.ts";
import { createHttp1 } from "./http1-connection.ts";
import { createHttp2 } from "./http2.ts";
import { type ServerLimits, serverLimits } from "./limits.ts";
import type { HttpHandlers, HttpServer } from "./ports.ts";
import { detectProtocol } from "./preface.ts";
import type { ServedConnection } from "./served-connection.ts";

export interface HttpServerOptions extends HttpHandlers {
  readonly clock: Clock;
  readonly limits?: Partial<ServerLimits>;
}

/**
 * An HTTP server that does not listen: connections are given to it, already decrypted. Both protocols end in the same
 * two handlers.
 *
 *     connection ── ALPN h2, or the preface ──▶ HTTP/2 ── onStream ──▶ (false) ─▶ onRequest
 *                └─ anything else ────────────▶ HTTP/1.1 ─────────────────────▶ onRequest
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { clock } = options;
  const limits = { ...serverLimits, ...options.limits };
  const http1 = createHttp1(options, limits, clock);
  const http2 = createHttp2(options, limits, clock);
  const open = new Map<Connection, ServedConnection>();
  let closing = false;
  let emptied: (() => void) | undefined;

  function start(connection: Connection, protocol: string): void {
    const served = protocol === "h2" ? http2.serve(connection) : http1.serve(connection);
    open.set(connection, served);
    if (closing) served.close();
  }

  /** A cleartext connection before it has said what it speaks. */
  function undecided(connection: Connection): ServedConnection {
    const destroy = (): void => void connection.stream.destroy();
    const silent = clock.after(limits.firstRequestMs, destroy, { background: true });
    detectProtocol(connection.stream, (protocol) => {
      silent.cancel();
      start(connection, protocol);
    });
    connection.stream.once("close", () => silent.cancel());
    return { close: destroy, destroy };
  }

  return {
    get connections() {
      return open.size;
    },

    serve(connection) {
      const { stream } = connection;
      if (closing || open.size >= limits.connectionsMax) {
        stream.destroy();
        return;
      }
      // A connection that breaks is its client's affair; 'close' follows.
      stream.on("error", ignore);
      stream.once("close", () => {
        open.delete(connection);
        if (open.size === 0) emptied?.();
      });
      if (connection.protocol !== undefined) start(connection, connection.protocol);
      else open.set(connection, undecided(connection));
    },

    async close({ graceMs }) {
      closing = true;
      if (open.size === 0) return;
      const empty = new Promise<void>((resolve) => {
        emptied = resolve;
      });
      for (const served of open.values()) served.close();
      const timer = clock.after(graceMs, () => {
        for (const served of open.values()) served.destroy();
      });
      await empty;
      timer.cancel();
    },
  };
}

function ignore(): void {}
