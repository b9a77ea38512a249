import { isJsonObject, parseJson } from "../../apimachinery/index.ts";
import type { RemoteApi } from "./remote-api.ts";
import { discoverRemote } from "./remote-discovery.ts";
import { type SwaggerPart, swaggerPart } from "./swagger.ts";

/** What a server said of itself: shown in discovery and OpenAPI beside what this one has. */
export interface KnownApi {
  /** Of its version, as aggregated discovery has them. */
  readonly resources: readonly object[];
  /** Whether it was there to be asked for them the last time. */
  readonly isFresh: boolean;
  /** Its OpenAPI 3 documents: path to where it is, with its hash. */
  readonly openApi: Readonly<Record<string, string>>;
  /** What its OpenAPI 2 document has of its version. */
  readonly swagger: SwaggerPart | undefined;
}

/** Asks a server for its documents. What cannot be had of them is as it was `before`. */
export async function learn(
  remote: RemoteApi,
  before: KnownApi | undefined,
  milliseconds: number,
): Promise<KnownApi> {
  const [discovered, openApi, swagger] = await Promise.all([
    discoverRemote(remote, milliseconds).catch(() => undefined),
    openApiIndex(remote, milliseconds).catch(() => before?.openApi ?? {}),
    swaggerOf(remote, before?.swagger, milliseconds).catch(() => before?.swagger),
  ]);
  const resources = discovered ?? before?.resources ?? [];
  return { resources, isFresh: discovered !== undefined, openApi, swagger };
}

async function openApiIndex(
  remote: RemoteApi,
  milliseconds: number,
): Promise<Readonly<Record<string, string>>> {
  const answer = await remote.document("/openapi/v3", { accept: "application/json", milliseconds });
  const index = answer.status === 200 ? parseJson(answer.text) : {};
  const paths = isJsonObject(index) && isJsonObject(index["paths"]) ? index["paths"] : {};
  const found: [string, string][] = [];
  for (const [path, place] of Object.entries(paths)) {
    const url = isJsonObject(place) ? place["serverRelativeURL"] : undefined;
    if (typeof url === "string") found.push([path, url]);
  }
  return Object.fromEntries(found);
}

async function swaggerOf(
  remote: RemoteApi,
  before: SwaggerPart | undefined,
  milliseconds: number,
): Promise<SwaggerPart | undefined> {
  const etag = before?.etag ?? "";
  const answer = await remote.document("/openapi/v2", { accept: "application/json", etag, milliseconds });
  if (answer.status === 304) return before;
  return answer.status === 200 ? swaggerPart(remote, answer) : undefined;
}
