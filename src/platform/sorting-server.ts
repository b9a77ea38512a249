/** A server that looks at the first bytes of each connection before it says whose it is. */
import * as net from "node:net";
import type * as tls from "node:tls";

/** Whose a connection is that began with `seen`: the TLS server's, the function's, or not to be told before more came. */
export type Sort = (seen: Buffer) => "more" | "tls" | ((socket: net.Socket) => void);

/** Whoever gets the connection reads it from its beginning. One that does not say enough within `timeoutMs` is ended. */
export function sortingServer(secure: tls.Server, sort: Sort, timeoutMs: number): net.Server {
  return net.createServer({ noDelay: true }, (socket) => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.once("close", () => clearTimeout(timer));
    let seen = Buffer.alloc(0);
    const look = (): void => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      seen = Buffer.concat([seen, chunk]);
      const whose = sort(seen);
      if (whose === "more") return;
      clearTimeout(timer);
      socket.removeListener("readable", look);
      socket.unshift(seen);
      if (whose === "tls") secure.emit("connection", socket);
      else whose(socket);
    };
    socket.on("readable", look);
  });
}
