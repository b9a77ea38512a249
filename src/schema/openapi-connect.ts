import { type Operation, type Parameter, queryParameters } from "./openapi-operation.ts";
import type { SubresourceInfo } from "./resources.ts";

/**
 * Subresources that connect to what runs on a node or behind a Service. Their kinds are the options in the query, which are no objects and
 * have no definition; what is answered is whatever the other side says.
 */

interface ConnectForm {
  readonly parameters: readonly Parameter[];
  readonly methods: readonly Operation["method"][];
  /** More path may follow, which is the target's. */
  readonly withPath?: true;
}

const streamed: readonly Operation["method"][] = ["get", "post"];
const proxied: readonly Operation["method"][] = ["get", "put", "post", "delete", "options", "head", "patch"];
const proxy: ConnectForm = { parameters: queryParameters("path"), methods: proxied, withPath: true };
const terminal = "stderr stdin stdout tty";

/** By the kind of the options. */
const forms: ReadonlyMap<string, ConnectForm> = new Map<string, ConnectForm>([
  ["PodAttachOptions", { parameters: queryParameters("container", "", terminal), methods: streamed }],
  ["PodExecOptions", { parameters: queryParameters("command container", "", terminal), methods: streamed }],
  ["PodPortForwardOptions", { parameters: queryParameters("", "ports"), methods: streamed }],
  ["PodProxyOptions", proxy],
  ["ServiceProxyOptions", proxy],
  ["NodeProxyOptions", proxy],
]);

const anything = { produces: ["*/*"], consumes: ["*/*"] };
const restOfPath: Parameter = { name: "path", in: "path", type: "string" };

type ConnectOperation = Pick<
  Operation,
  "method" | "id" | "action" | "kind" | "parameters" | "response" | "mediaTypes"
>;

/**
 * What can be asked of such a subresource, by what follows its path; none where it is none of them. `noun`: `CoreV1%NamespacedPodExec`,
 * with a `%` where the method stands; `scope`: parameters of the path.
 */
export function connectOperations(
  { kind }: SubresourceInfo,
  { noun, scope }: { readonly noun: string; readonly scope: readonly Parameter[] },
): [suffix: string, operation: ConnectOperation][] {
  const form = kind.group === "" ? forms.get(kind.kind) : undefined;
  if (form === undefined) return [];
  const operation = (method: Operation["method"], end: string, path: readonly Parameter[]) => ({
    method,
    id: `connect${noun.replace("%", method.charAt(0).toUpperCase() + method.slice(1))}${end}`,
    action: "connect",
    kind,
    parameters: [...path, ...form.parameters],
    response: "",
    mediaTypes: anything,
  });
  return form.methods.flatMap((method): [string, ConnectOperation][] => [
    ["", operation(method, "", scope)],
    ...(form.withPath === undefined
      ? []
      : [
          ["/{path}", operation(method, "WithPath", [...scope, restOfPath])] satisfies [
            string,
            ConnectOperation,
          ],
        ]),
  ]);
}

/** Of a pod's log, which is a text. */
export const logParameters = queryParameters(
  "container pretty stream",
  "limitBytes sinceSeconds tailLines",
  "follow insecureSkipTLSVerifyBackend previous timestamps",
);
export const logMediaTypes = {
  produces: ["text/plain", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"],
  consumes: ["*/*"],
};
