import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { DatagramAddress, DatagramSocket } from "./ports.ts";

/** What waits in the kernel for a busy turn of the event loop; more than its default, which 20,000 queries a second overrun. Bytes. */
const receiveBufferBytes = 1024 * 1024;

/** A UDP socket of the machine. */
export async function bindDatagrams(
  at: DatagramAddress,
  onMessage: (message: Uint8Array, from: DatagramAddress) => void,
): Promise<DatagramSocket> {
  const socket = createSocket({ type: isIPv6(at.host) ? "udp6" : "udp4" });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: at.host, port: at.port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      resolve();
    });
  });
  // An ICMP answer to an earlier datagram (port unreachable) is no failure of the socket.
  socket.on("error", ignore);
  try {
    socket.setRecvBufferSize(receiveBufferBytes);
  } catch {
    // The system may allow less; the socket works with what it has.
  }
  let open = true;
  socket.on("message", (message, from) => {
    if (open) onMessage(message, { host: from.address, port: from.port });
  });
  const { address, port } = socket.address();
  return {
    host: address,
    port,
    send(message, to) {
      if (open) socket.send(message, to.port, to.host, ignore);
    },
    close: () =>
      new Promise((resolve) => {
        if (!open) return resolve();
        open = false;
        socket.close(() => resolve());
      }),
  };
}

function ignore(): void {}
