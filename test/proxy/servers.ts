/** Small programs behind Services: each says who it is. */
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";

export interface Program {
  readonly address: string;
  readonly port: number;
  /** Connections or datagrams it got. */
  readonly served: () => number;
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

/** Answers each line with its own address and the line, and a half-closed connection with `bye`. */
export async function startTcpProgram(address: string, port = 0): Promise<Program> {
  const sockets = new Set<Socket>();
  let served = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    served++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (chunk) => void socket.write(`${address} ${chunk}`));
    socket.on("end", () => void socket.end("bye\n"));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return {
    address,
    port: (server.address() as { port: number }).port,
    served: () => served,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export async function startUdpProgram(address: string): Promise<Omit<Program, "sockets">> {
  let served = 0;
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => {
    served++;
    socket.send(`${address} ${message}`, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return {
    address,
    port: socket.address().port,
    served: () => served,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Sends a line, closes its side, and reads until the end. */
export function ask(host: string, port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(text));
    socket.end(line);
  });
}

export async function freePort(host: string): Promise<number> {
  const program = await startTcpProgram(host);
  await program.close();
  return program.port;
}
