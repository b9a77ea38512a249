/** Small web programs behind routes. */

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface WebProgram {
  readonly address: string;
  readonly port: number;
  readonly served: () => number;
  readonly requests: IncomingMessage[];
  close(): Promise<void>;
}

/** Says who it is and what it was asked; `/echo` sends the body back as it comes, `/cut` breaks off, WebSockets echo. */
export async function startWebProgram(
  address: string,
  port = 0,
  certificate?: { readonly cert: string; readonly key: string },
): Promise<WebProgram> {
  let served = 0;
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const serve: RequestListener = (request, response) => {
    served++;
    requests.push(request);
    if (requests.length > 1000) requests.shift();
    if (request.url === "/echo") {
      request.pipe(response);
      return;
    }
    if (request.url === "/cut") {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      setImmediate(() => request.socket.resetAndDestroy());
      return;
    }
    request.resume();
    response.setHeader("x-from", address);
    response.end(JSON.stringify({ from: address, url: request.url, headers: request.headers }));
  };
  const server: Server =
    certificate === undefined ? createServer(serve) : createSecureServer(certificate, serve);
  server.on("upgrade", (request, socket) => {
    served++;
    const key = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${key}\r\n\r\n`,
    );
    // A client's text frame of less than 126 bytes, sent back without its mask.
    socket.on("data", (frame: Buffer) => {
      if ((frame[0] as number) !== 0x81) return void socket.end();
      const length = (frame[1] as number) & 0x7f;
      const text = Buffer.from(frame.subarray(6, 6 + length)).map(
        (byte, index) => byte ^ (frame[2 + (index & 3)] as number),
      );
      socket.write(Buffer.concat([Buffer.of(0x81, length), text]));
    });
    socket.on("error", () => {});
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return {
    address,
    port: (server.address() as AddressInfo).port,
    served: () => served,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
