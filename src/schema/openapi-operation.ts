import type { GroupVersionKind } from "../apimachinery/index.ts";

/** What can be asked of a path, before it is written as OpenAPI 2 or 3. */
export interface Operation {
  readonly method: "get" | "post" | "put" | "patch" | "delete" | "options" | "head";
  readonly id: string;
  readonly action: string;
  readonly kind: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  /** Definition of the body; "" for none. */
  readonly body: string;
  readonly bodyRequired: boolean;
  readonly responseCodes: readonly number[];
  /** Definition of what is answered; "" for a text. */
  readonly response: string;
  /** Where they are others than those of objects. */
  readonly mediaTypes?: {
    readonly produces: readonly string[];
    readonly consumes: readonly string[] | undefined;
  };
  /** May answer as a watch stream. */
  readonly streams: boolean;
  /** Of a custom kind: neither protobuf nor strategic merge patches. kubectl chooses its patches by this. */
  readonly custom: boolean;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly type: "string" | "integer" | "boolean";
}

/** Names separated by spaces, by their types. */
export function queryParameters(strings: string, integers = "", booleans = ""): Parameter[] {
  const words = (text: string, type: Parameter["type"]): Parameter[] =>
    text.split(" ").flatMap((name): Parameter[] => (name === "" ? [] : [{ name, in: "query", type }]));
  return [...words(strings, "string"), ...words(integers, "integer"), ...words(booleans, "boolean")];
}

export const pretty = queryParameters("pretty");
export const writing = queryParameters("dryRun fieldManager fieldValidation");
export const patching = queryParameters("dryRun fieldManager fieldValidation", "", "force");
export const deleting = queryParameters(
  "dryRun propagationPolicy",
  "gracePeriodSeconds",
  "ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents",
);
export const selecting = queryParameters(
  "continue fieldSelector labelSelector resourceVersion resourceVersionMatch",
  "limit timeoutSeconds",
  "sendInitialEvents",
);
export const listing = [...selecting, ...queryParameters("", "", "allowWatchBookmarks watch")];
export const atRevision = queryParameters("resourceVersion");
export const nameInPath: Parameter = { name: "name", in: "path", type: "string" };
export const namespaceInPath: Parameter = { name: "namespace", in: "path", type: "string" };
