/** An address to connect to: from this machine, where it listens on all. */
export function hostPort({ host: listened, port }: { host: string; port: number }): string {
  const host = listened === "0.0.0.0" ? "127.0.0.1" : listened === "::" ? "::1" : listened;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
