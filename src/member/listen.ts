import type { Address } from "./address.ts";

/** Listens as asked, or on a free port where `orFree` allows it. @throws Error that names the address and the way out */
export async function listenOrFree<Listening>(
  address: Address,
  listen: (address: Address) => Promise<Listening>,
): Promise<Listening> {
  try {
    return await listen(address);
  } catch (error) {
    if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    if (address.orFree) return listen({ ...address, port: 0 });
    throw new Error(
      `${address.path ?? `${address.host}:${address.port}`} is taken by another program: stop that, or choose another ${address.path === undefined ? "port" : "path"}`,
    );
  }
}
