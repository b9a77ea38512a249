import type { AdmissionReader } from "../../admission/index.ts";
import type { UserInfo } from "../../apimachinery/index.ts";
import type { Transport, TransportResponse } from "../../client/index.ts";
import type { Random } from "../../platform/index.ts";
import type { ApiService } from "../../registry/index.ts";
import { type Peers, wholeBody } from "../outgoing/peers.ts";
import { serviceAddress } from "../outgoing/service-address.ts";

/** With which this server says to aggregated ones who it is, so that they believe whom it says it asks for. PEM. */
export interface FrontProxyCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface RemoteDeps {
  readonly peers: Peers;
  readonly reader: AdmissionReader;
  readonly random: Random;
  readonly certificate: FrontProxyCertificate | undefined;
}

const timeoutMs = 30_000;
const documentBytesMax = 32 * 1024 * 1024;

/** The server behind one APIService. */
export class RemoteApi {
  readonly group: string;
  readonly version: string;
  readonly service: ApiService;
  readonly #deps: RemoteDeps;

  constructor(service: ApiService, deps: RemoteDeps) {
    this.group = service.spec.group ?? "";
    this.version = service.spec.version ?? "";
    this.service = service;
    this.#deps = deps;
  }

  get isAvailable(): boolean {
    return (
      this.service.status?.conditions?.some(
        ({ type, status }) => type === "Available" && status === "True",
      ) === true
    );
  }

  /** @throws ServiceUnavailable */
  async transport(): Promise<Transport> {
    const { peers, reader, random, certificate } = this.#deps;
    const { service, caBundle, insecureSkipTLSVerify } = this.service.spec;
    const reference = service as NonNullable<typeof service>;
    const { host, port } = await serviceAddress(reader, random, reference);
    return peers.transport({
      server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
      serverName: `${reference.name}.${reference.namespace}.svc`,
      ...(caBundle ? { ca: Buffer.from(caBundle, "base64").toString() } : {}),
      ...(insecureSkipTLSVerify === true ? { insecureSkipTlsVerify: true } : {}),
      ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
      // Each group of the user is a header by itself.
      http1: true,
      timeoutMs,
    });
  }

  /** A request on behalf of a user. */
  async request(request: {
    readonly method: string;
    readonly path: string;
    readonly user: UserInfo;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Uint8Array;
    readonly signal?: AbortSignal;
  }): Promise<TransportResponse> {
    const transport = await this.transport();
    const { method, path, user, headers = {}, body, signal } = request;
    return transport.request({
      method,
      path,
      headers: { ...headers, "x-remote-user": user.name },
      repeatedHeaders: identityHeaders(user),
      ...(body === undefined || body.length === 0 ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** A JSON document, as the server itself. @throws Error with what it answered else */
  async document(path: string, accept = "application/json", milliseconds = timeoutMs): Promise<unknown> {
    const response = await this.request({
      method: "GET",
      path,
      user: { name: "system:kube-aggregator", groups: ["system:masters"] },
      headers: { accept },
      signal: AbortSignal.timeout(milliseconds),
    });
    const text = (await wholeBody(response.body, documentBytesMax)).toString();
    if (response.status < 200 || response.status > 299)
      throw new Error(`bad status from ${path}: ${response.status}`);
    return JSON.parse(text);
  }
}

function identityHeaders({ groups, extra = {}, uid }: UserInfo): Record<string, readonly string[]> {
  const headers: Record<string, readonly string[]> = { "x-remote-group": groups };
  if (uid !== undefined && uid !== "") headers["x-remote-uid"] = [uid];
  for (const [name, values] of Object.entries(extra))
    headers[`x-remote-extra-${encodeURIComponent(name).toLowerCase()}`] = values;
  return headers;
}
