import { badPeerUrls } from "../errors.ts";

/** In order, without spaces around. @throws RpcError unless each is `http://` or `https://` with host and port and nothing more, or `unix://` or `unixs://` with a path */
export function checkedPeerUrls(given: readonly string[]): string[] {
  const urls = given.map((url) => url.trim());
  if (urls.length === 0 || !urls.every(isPeerUrl)) throw badPeerUrls();
  return urls.sort();
}

/** As etcd takes it. */
export function isPeerUrl(url: string): boolean {
  if (/^unixs?:\/\/[^\s?#]+$/.test(url)) return true;
  return /^https?:\/\/(\[[\da-fA-F:.]+\]|[^\s/?#@:[\]]+):\d{1,5}$/.test(url) && URL.canParse(url);
}
