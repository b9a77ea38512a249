import { createSocket } from "node:dgram";
import { lookup } from "node:dns";
import { isIP, isIPv6 } from "node:net";
import type { DatagramAddress, DatagramSocket } from "./ports.ts";

/** What waits in the kernel for a busy turn of the event loop; more than its default, which 20,000 queries a second overrun. Bytes. */
const receiveBufferBytes = 1024 * 1024;

/** A UDP socket of the machine. */
export async function bindDatagrams(
  at: DatagramAddress,
  onMessage: (message: Uint8Array, from: DatagramAddress) => void,
): Promise<DatagramSocket> {
  const family = isIPv6(at.host) ? 6 : 4;
  const socket = createSocket({
    type: `udp${family}`,
    // Whoever is answered has an address: nothing is looked up, and no turn of the loop is waited for.
    lookup: (host, options, found) =>
      isIP(host) === 0 ? lookup(host, options, found) : found(null, host, family),
  });
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
      // A failure is the socket's event: a function for each datagram costs one that is called.
      if (open) socket.send(message, to.port, to.host);
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
