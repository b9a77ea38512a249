import type { OpenServer } from "./open-server.ts";

export type Ask = ReturnType<typeof asker>;

/** Asks a server in JSON, as its administrator unless told otherwise. */
export function asker({ server }: OpenServer, token = "admin-token") {
  const transport = server.transport(undefined as never);
  return async (method: string, path: string, body?: object, contentType = "application/json") => {
    const response = await transport.request({
      method,
      path,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        "content-type": contentType,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : {} };
  };
}
