/** pods/log, exec, attach and portforward: what upstream's registry/core/pod/rest does, by way of the node's agent. */
import type { IncomingMessage } from "node:http";
import { errors, type FieldError, field, type KubeObject, StatusError } from "../../apimachinery/index.ts";
import type { Query } from "../request-info.ts";
import type { ApiContext } from "../state.ts";
import { type ForwardTarget, forward } from "./forward.ts";
import { connectKubelet, hostHeader, type KubeletAddress, kubeletOf } from "./kubelet.ts";
import { logOverWebSocket } from "./log-socket.ts";
import type { Outbound } from "./outbound.ts";
import { wantsWebSocket } from "./web-socket.ts";

/** Reads of the registry that connecting needs. */
export interface ConnectReader {
  pod(namespace: string, name: string): Promise<KubeObject>;
  node(name: string): Promise<KubeObject>;
  service(namespace: string, name: string): Promise<KubeObject>;
  /** Undefined where there is none. */
  endpoints(namespace: string, name: string): Promise<KubeObject | undefined>;
}

/** Bytes of an agent's refusal that are told on. */
const refusalBytesMax = 50_000;

export async function podLog(
  context: ApiContext,
  reader: ConnectReader,
  outbound: Outbound | undefined,
): Promise<void> {
  const { query, namespace, name } = context.state.info;
  const complaints = logComplaints(query);
  if (complaints.length > 0) throw errors.invalid({ group: "", kind: "PodLogOptions" }, name, complaints);
  const pod = await reader.pod(namespace, name);
  const container = containerOf(pod, query.get("container"));
  const nodeName: string = pod.spec?.nodeName ?? "";
  if (nodeName === "") {
    context.state.reply = { status: 204, headers: {}, body: "" };
    return;
  }
  const parameters = new URLSearchParams();
  for (const flag of ["follow", "previous", "timestamps"]) if (query.flag(flag)) parameters.set(flag, "true");
  for (const value of ["sinceSeconds", "sinceTime", "tailLines", "limitBytes"])
    if (query.get(value) !== "") parameters.set(value, query.get(value));
  const path = `/containerLogs/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/${encodeURIComponent(container)}`;
  const request = {
    method: "GET",
    path: withQuery(path, parameters),
    check: (answer: IncomingMessage) => refusal(answer, name),
  };
  const address = await kubelet(reader, nodeName);
  await toKubelet(
    context,
    address,
    outbound,
    request,
    wantsWebSocket(context.req) ? logOverWebSocket : forward,
  );
}

/** exec and attach. */
export async function podCommand(
  context: ApiContext,
  verb: "exec" | "attach",
  reader: ConnectReader,
  outbound: Outbound | undefined,
): Promise<void> {
  const { query, namespace, name } = context.state.info;
  const wanted = ["stdin", "stdout", "stderr"].filter((stream) => query.flag(stream));
  const pod = await reader.pod(namespace, name);
  const container = containerOf(pod, query.get("container"));
  const address = await kubelet(reader, hostOf(pod));
  const parameters = new URLSearchParams();
  const names: Readonly<Record<string, string>> = { stdin: "input", stdout: "output", stderr: "error" };
  for (const stream of wanted) parameters.set(names[stream] as string, "1");
  if (query.flag("tty")) parameters.set("tty", "1");
  if (verb === "exec") for (const word of query.all("command")) parameters.append("command", word);
  const path = `/${verb}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/${encodeURIComponent(container)}`;
  await toKubelet(context, address, outbound, {
    method: context.req.method ?? "GET",
    path: withQuery(path, parameters),
    check: (answer) => refusal(answer, name),
  });
}

export async function podPortForward(
  context: ApiContext,
  reader: ConnectReader,
  outbound: Outbound | undefined,
): Promise<void> {
  const { query, namespace, name } = context.state.info;
  const pod = await reader.pod(namespace, name);
  const address = await kubelet(reader, hostOf(pod));
  const parameters = new URLSearchParams();
  if (query.has("ports")) parameters.set("port", query.all("ports").join(","));
  const path = `/portForward/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  await toKubelet(context, address, outbound, {
    method: context.req.method ?? "GET",
    path: withQuery(path, parameters),
    check: (answer) => refusal(answer, name),
  });
}

const withQuery = (path: string, parameters: URLSearchParams): string =>
  parameters.size === 0 ? path : `${path}?${parameters}`;

function hostOf(pod: KubeObject): string {
  const nodeName: string = pod.spec?.nodeName ?? "";
  if (nodeName === "") throw errors.badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return nodeName;
}

/** Upstream looks for the node in the name of the request, so that a missing one is called a pod. */
async function kubelet(reader: ConnectReader, nodeName: string): Promise<KubeletAddress> {
  try {
    return kubeletOf(await reader.node(nodeName));
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== 404) throw error;
    throw errors.notFound({ group: "", resource: "pods" }, nodeName);
  }
}

export async function toKubelet(
  context: ApiContext,
  address: KubeletAddress,
  outbound: Outbound | undefined,
  request: Pick<ForwardTarget, "method" | "path" | "check" | "place">,
  pass: (context: ApiContext, target: ForwardTarget) => Promise<void> = forward,
): Promise<void> {
  if (outbound === undefined) throw errors.serviceUnavailable("this API server reaches no nodes");
  const connection = await connectKubelet(outbound, address, request.path);
  await pass(context, { connection, host: hostHeader(address), ...request });
}

/** The container meant. @throws StatusError BadRequest in upstream's words */
function containerOf(pod: KubeObject, asked: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const names = (list: { name: string }[]): string[] => list.map(({ name }) => name);
  const all = [...names(initContainers), ...names(containers), ...names(ephemeralContainers)];
  const { name } = pod.metadata;
  if (asked !== "") {
    if (all.includes(asked)) return asked;
    throw errors.badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  if (containers.length === 1) return containers[0].name;
  throw errors.badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${all.join(" ")}]`,
  );
}

/** How Go shows a path without a name. */
const noField = "[]";

function logComplaints(query: Query): FieldError[] {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === "") return undefined;
    const value = Number(text);
    if (Number.isInteger(value)) return value;
    throw errors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  };
  const complaints: FieldError[] = [];
  const tailLines = number("tailLines");
  if (tailLines !== undefined && tailLines < 0)
    complaints.push(field.invalid("tailLines", tailLines, "must be greater than or equal to 0"));
  const limitBytes = number("limitBytes");
  if (limitBytes !== undefined && limitBytes < 1)
    complaints.push(field.invalid("limitBytes", limitBytes, "must be greater than 0"));
  const sinceSeconds = number("sinceSeconds");
  if (sinceSeconds !== undefined && query.get("sinceTime") !== "")
    complaints.push(
      field.forbidden(noField, "at most one of `sinceTime` or `sinceSeconds` may be specified"),
    );
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    complaints.push(field.invalid("sinceSeconds", sinceSeconds, "must be greater than 0"));
  // The gate PodLogsQuerySplitStreams is off, as it is upstream.
  if (query.has("stream")) complaints.push(field.forbidden("stream", "may not be specified"));
  return complaints;
}

/** What the agent refused becomes a Status: upstream's GenericHttpResponseChecker. */
async function refusal(answer: IncomingMessage, name: string): Promise<void> {
  const code = answer.statusCode ?? 500;
  if (code >= 200 && code <= 206) return;
  let text = "";
  for await (const chunk of answer) {
    text += (chunk as Buffer).toString();
    if (text.length > refusalBytesMax) break;
  }
  if (code === 500) throw errors.internalError(text);
  if (code === 400) throw errors.badRequest(text);
  const unknown = `the server responded with the status code ${code} but did not return more information`;
  const message = code === 404 ? "the server could not find the requested resource" : unknown;
  throw new StatusError({
    status: "Failure",
    message: `${message}: ${text.trim()} (pods ${name})`,
    ...(code === 404 ? { reason: "NotFound" as const } : {}),
    details: { name, kind: "pods" },
    code,
  });
}
