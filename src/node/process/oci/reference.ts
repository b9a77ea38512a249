/** The names of images, as container tools write them. Pure. */

export interface Reference {
  /** Everything said: `docker.io/library/busybox:1.37`, or with `@sha256:…` in the place of the tag. */
  readonly name: string;
  readonly digest: string | undefined;
}

const tagDefault = "latest";
const digestPattern = /^sha256:[0-9a-f]{64}$/;
/** One part between slashes, bounded so that matching is linear. */
const partPattern = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const domainPattern = /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::\d{1,5})?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const nameCharsMax = 512;

/** "busybox" is `docker.io/library/busybox:latest`. Undefined where the text is no image's name. */
export function parseReference(text: string): Reference | undefined {
  if (text.length > nameCharsMax) return undefined;
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) return undefined;
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const path = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? tagDefault : named.slice(colon + 1);
  if (!tagPattern.test(tag)) return undefined;
  const repository = withRegistry(path);
  if (repository === undefined) return undefined;
  return { name: digest === undefined ? `${repository}:${tag}` : `${repository}@${digest}`, digest };
}

/** The first part names a registry where it looks like a host; all else is Docker Hub's. */
function withRegistry(path: string): string | undefined {
  const parts = path.split("/");
  const [first = ""] = parts;
  const hosted = parts.length > 1 && (/[.:]/.test(first) || first === "localhost");
  const domain = hosted ? first : "docker.io";
  const rest = hosted ? parts.slice(1) : parts.length === 1 ? ["library", first] : parts;
  if (!domainPattern.test(domain) || !rest.every((part) => partPattern.test(part))) return undefined;
  return `${domain}/${rest.join("/")}`;
}
