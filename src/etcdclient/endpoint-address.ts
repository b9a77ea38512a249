/** Where a member listens for clients. */
export interface EndpointAddress {
  /** As given. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** A socket in the file system instead. */
  readonly path?: string;
}

const defaultPort = 2379;

/**
 * Reads `https://10.0.0.1:2379`; without a scheme it is `http://`, without a port 2379, as etcd's clients have it. `unix://` and
 * `unixs://` name a socket in the file system.
 * @throws Error for anything else
 */
export function parseEndpoint(text: string): EndpointAddress {
  const path = /^unixs?:\/\/([^?#]+)$/.exec(text)?.[1];
  if (path !== undefined)
    return { url: text, host: path.replace(/:\d*$/, ""), port: 0, secure: text.startsWith("unixs"), path };
  const url = text.includes("://") ? text : `http://${text}`;
  const { protocol, hostname, port, pathname, username } = URL.canParse(url)
    ? new URL(url)
    : new URL("none:");
  const secure = protocol === "https:";
  if ((!secure && protocol !== "http:") || hostname === "" || !/^\/?$/.test(pathname) || username !== "") {
    throw new Error(
      `"${text}" is no URL of an etcd member: http:// or https:// with host and port was expected`,
    );
  }
  // URL drops a scheme's own port.
  const explicit = /:(\d+)\/?$/.exec(url)?.[1] ?? port;
  return {
    url,
    host: hostname.replace(/^\[|\]$/g, ""),
    port: explicit === "" ? defaultPort : Number(explicit),
    secure,
  };
}
