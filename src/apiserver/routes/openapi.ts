import { createHash } from "node:crypto";
import type Router from "@koa/router";
import { type JsonObject, parseJson, stringifyJson } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Registry } from "../../registry/index.ts";
import { type OpenApiDocument, type OpenApiPublisher, openApiPublisher } from "../../schema/index.ts";
import type { Aggregation } from "../aggregation/aggregation.ts";
import { forward } from "../aggregation/proxy.ts";
import type { RemoteApi } from "../aggregation/remote-api.ts";
import { mergeSwagger, type SwaggerPart } from "../aggregation/swagger.ts";
import { currentOf } from "../current.ts";
import { acceptedTypes } from "../media-types.ts";
import type { ApiContext, Reply } from "../state.ts";
import { swaggerProtobuf } from "./openapi-protobuf.ts";

/** /openapi/v2, /openapi/v3 and, below it, one document a group version, for ever cacheable by its hash. */
export function openApiRoutes(
  router: Router,
  registry: Registry,
  { aggregation, clock }: { aggregation: Aggregation; clock: Clock },
): void {
  let publisher: OpenApiPublisher | undefined;
  const published = currentOf(registry, () => {
    publisher = openApiPublisher(
      registry.resources.filter(({ subresource }) => subresource === "").map(({ info }) => info),
      publisher,
    );
    return {
      lastModified: new Date(clock.now()).toUTCString(),
      publisher,
    };
  });
  // Since when the documents are as they are: made with the server, not with the first request.
  published();
  let merged: MergedSwagger | undefined;
  /** Version 2's document, with what other servers have of their own groups. */
  const swagger = async (): Promise<OpenApiDocument> => {
    const own = await published().publisher.v2();
    const parts = aggregation.remotes
      .map((remote) => aggregation.known(remote)?.swagger)
      .filter((part) => part !== undefined);
    if (parts.length === 0) return own;
    const isSame =
      merged?.own === own &&
      merged.parts.length === parts.length &&
      parts.every((part, index) => part === merged?.parts[index]);
    if (merged === undefined || !isSame) merged = { own, parts, document: mergedDocument(own, parts) };
    return merged.document;
  };
  let protobuf: { readonly of: OpenApiDocument; readonly document: OpenApiDocument } | undefined;

  router.get("/openapi/v2", async (context) => {
    const call = context as unknown as ApiContext;
    const { lastModified } = published();
    const document = await swagger();
    if (!wantsProtobuf(call)) {
      call.state.reply = documentReply(call, document, lastModified);
      return;
    }
    if (protobuf?.of !== document) protobuf = { of: document, document: protobufDocument(document) };
    const reply = documentReply(call, protobuf.document, lastModified);
    call.state.reply = { ...reply, headers: { ...reply.headers, "content-type": protobufType } };
  });
  router.get("/openapi/v3", async (context) => {
    const { state } = context as unknown as ApiContext;
    const { publisher, lastModified } = published();
    const { paths } = await publisher.index();
    for (const remote of aggregation.remotes) {
      for (const [path, serverRelativeURL] of Object.entries(aggregation.known(remote)?.openApi ?? {}))
        if (!Object.hasOwn(paths, path)) paths[path] = { serverRelativeURL };
    }
    const body = JSON.stringify({ paths });
    state.reply = {
      status: 200,
      headers: { "content-type": "text/plain; charset=utf-8", "last-modified": lastModified },
      body,
    };
  });
  router.get("/openapi/v3/{*path}", async (context) => {
    const call = context as unknown as ApiContext;
    const path = call.state.info.path.slice("/openapi/v3/".length);
    const { publisher, lastModified } = published();
    const document = await publisher.v3(path);
    if (document === undefined) {
      const has = (remote: RemoteApi): boolean =>
        Object.hasOwn(aggregation.known(remote)?.openApi ?? {}, path);
      const remote = aggregation.remotes.find(has);
      if (remote !== undefined) return await forward(call, remote);
    }
    call.state.reply = hashedReply(call, document, lastModified);
  });
}

interface MergedSwagger {
  readonly own: OpenApiDocument;
  readonly parts: readonly SwaggerPart[];
  readonly document: OpenApiDocument;
}

function mergedDocument(own: OpenApiDocument, parts: readonly SwaggerPart[]): OpenApiDocument {
  const document = parseJson(Buffer.from(own.bytes).toString()) as JsonObject;
  return hashed(Buffer.from(stringifyJson(mergeSwagger(document, parts))));
}

function hashed(bytes: Uint8Array): OpenApiDocument {
  return { bytes, hash: createHash("sha512").update(bytes).digest("hex").toUpperCase() };
}

/** Swagger 2.0 in protobuf. Clients also write it with an "@" before the version, which is no media type. */
const protobufType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

function wantsProtobuf(call: ApiContext): boolean {
  const types = acceptedTypes((call.req.headers.accept ?? "").replaceAll("@", "."));
  return (
    types.find(({ type }) => type === protobufType || type === "application/json")?.type === protobufType
  );
}

function protobufDocument(document: OpenApiDocument): OpenApiDocument {
  return hashed(swaggerProtobuf(parseJson(Buffer.from(document.bytes).toString()) as JsonObject));
}

/** A document that may be kept for ever under its hash. */
function hashedReply(call: ApiContext, document: OpenApiDocument | undefined, lastModified: string): Reply {
  const { path, query } = call.state.info;
  if (document === undefined) return { status: 404, headers: {}, body: "" };
  const hash = query.get("hash");
  if (hash === "") return documentReply(call, document, lastModified);
  if (hash !== document.hash) {
    return { status: 301, headers: { location: `${path}?hash=${document.hash}` }, body: "" };
  }
  const reply = documentReply(call, document, lastModified);
  return { ...reply, headers: { ...reply.headers, "cache-control": "public, immutable" } };
}

function documentReply(call: ApiContext, document: OpenApiDocument, lastModified: string): Reply {
  const etag = `"${document.hash}"`;
  const headers = { "content-type": "application/json", etag, vary: "Accept", "last-modified": lastModified };
  if (call.req.headers["if-none-match"] === etag) return { status: 304, headers, body: "" };
  return { status: 200, headers, body: document.bytes };
}
