import { createHash } from "node:crypto";
import type Router from "@koa/router";
import { type JsonObject, parseJson } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Registry } from "../../registry/index.ts";
import { type OpenApiDocument, type OpenApiPublisher, openApiPublisher } from "../../schema/index.ts";
import type { Aggregation } from "../aggregation/aggregation.ts";
import { forward } from "../aggregation/proxy.ts";
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
      protobuf: undefined as OpenApiDocument | undefined,
    };
  });
  // Since when the documents are as they are: made with the server, not with the first request.
  published();

  router.get("/openapi/v2", async (context) => {
    const call = context as unknown as ApiContext;
    const current = published();
    const { lastModified } = current;
    const document = await current.publisher.v2();
    if (!wantsProtobuf(call)) {
      call.state.reply = documentReply(call, document, lastModified);
      return;
    }
    current.protobuf ??= protobufDocument(document);
    const reply = documentReply(call, current.protobuf, lastModified);
    call.state.reply = { ...reply, headers: { ...reply.headers, "content-type": protobufType } };
  });
  router.get("/openapi/v3", async (context) => {
    const { state } = context as unknown as ApiContext;
    const { publisher, lastModified } = published();
    const { paths } = await publisher.index();
    for (const remote of aggregation.remotes) {
      const serverRelativeURL = aggregation.known(remote)?.openApi;
      if (serverRelativeURL !== undefined)
        paths[`apis/${remote.group}/${remote.version}`] = { serverRelativeURL };
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
    const [, , , root, group = "", version = ""] = call.state.info.path.split("/");
    const remote = root === "apis" ? aggregation.remote(group, version) : undefined;
    if (remote !== undefined) return await forward(call, remote);
    const { publisher, lastModified } = published();
    call.state.reply = await documentOf(call, publisher, lastModified);
  });
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
  const bytes = swaggerProtobuf(parseJson(Buffer.from(document.bytes).toString()) as JsonObject);
  return { bytes, hash: createHash("sha512").update(bytes).digest("hex").toUpperCase() };
}

async function documentOf(
  call: ApiContext,
  publisher: OpenApiPublisher,
  lastModified: string,
): Promise<Reply> {
  const { path, query } = call.state.info;
  const document = await publisher.v3(path.slice("/openapi/v3/".length));
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
