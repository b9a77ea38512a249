import type { GroupVersion, GroupVersionResource } from "../apimachinery/index.ts";

/** A document as it is served: bytes made once. */
export interface OpenApiDocument {
  readonly bytes: Uint8Array;
  /** SHA-512 of the bytes in hexadecimal, upper case: the hash in the v3 index and the ETag. */
  readonly hash: string;
}

/** The published schemas of a set of built-in resources. */
export interface OpenApiPublisher {
  /** Swagger 2.0, JSON. */
  v2(): Promise<OpenApiDocument>;
  /** OpenAPI 3.0 of one group version; undefined where none of its resources is served. */
  v3(groupVersion: GroupVersion): Promise<OpenApiDocument | undefined>;
  /** Body of `/openapi/v3`: path (`api/v1`, `apis/apps/v1`) to serverRelativeURL with the hash. */
  index(): Promise<{ paths: Record<string, { serverRelativeURL: string }> }>;
}

/** Documents for the served subset, built when first asked for. */
export function openApiPublisher(served: readonly GroupVersionResource[]): OpenApiPublisher {
  void served;
  throw new Error("not yet");
}
