import type { AdmissionReader } from "../../admission/index.ts";
import type { UserInfo } from "../../apimachinery/index.ts";
import type { TransportResponse } from "../../client/index.ts";
import type { Connection, Random } from "../../platform/index.ts";
import type { ApiService } from "../../registry/index.ts";
import type { Outbound } from "../connect/outbound.ts";
import { connectionError, hostPort } from "../outgoing/connection-error.ts";
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
  /** For requests that ask for another protocol; they are refused without it. */
  readonly connect?: Outbound["connect"] | undefined;
}

const timeoutMs = 30_000;
const documentBytesMax = 32 * 1024 * 1024;
/** As which this server asks for itself. */
const aggregator: UserInfo = { name: "system:kube-aggregator", groups: ["system:masters"] };

/** A request did not get through. The message is Go's. */
export class RemoteFailure extends Error {
  override readonly name = "RemoteFailure";
}

export interface RemoteRequest {
  readonly method: string;
  readonly path: string;
  readonly user: UserInfo;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

/** What a server answered this one. */
export interface RemoteDocument {
  readonly status: number;
  readonly contentType: string;
  readonly etag: string;
  readonly text: string;
}

/** Which certificates of the server are good. */
interface Trust {
  /** PEM; the system's authorities where left out. */
  readonly ca?: string;
  readonly insecureSkipTlsVerify?: boolean;
}

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

  /** A connection for one request that may become another protocol's, and what that request says besides. @throws ServiceUnavailable, RemoteFailure */
  async dial(user: UserInfo): Promise<{
    readonly connection: Connection;
    readonly host: string;
    readonly headers: Readonly<Record<string, string | readonly string[]>>;
  }> {
    const { reader, random, certificate, connect } = this.#deps;
    if (connect === undefined) throw new RemoteFailure("this API server reaches no others for long");
    const { reference, serverName, trust } = this.#target;
    const at = await serviceAddress(reader, random, reference);
    const tls = {
      serverName,
      protocols: ["http/1.1"],
      ...(trust.ca === undefined ? {} : { ca: trust.ca }),
      ...(trust.insecureSkipTlsVerify === true ? { unverified: true } : {}),
      ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
    };
    const connection = await connect({ ...at, tls, timeoutMs }).catch((error: unknown) => {
      throw new RemoteFailure(connectionError(error, serverName, at));
    });
    return {
      connection,
      host: hostPort(at),
      headers: { "x-remote-user": user.name, ...identityHeaders(user) },
    };
  }

  /** Where its Service is, whose name its certificate must have, and who may have signed that. */
  get #target() {
    const { caBundle, insecureSkipTLSVerify, service } = this.service.spec;
    const reference = service as NonNullable<ApiService["spec"]["service"]>;
    const authority: Trust = caBundle ? { ca: Buffer.from(caBundle, "base64").toString() } : {};
    const trust: Trust = insecureSkipTLSVerify === true ? { insecureSkipTlsVerify: true } : authority;
    return { reference, serverName: `${reference.name}.${reference.namespace}.svc`, trust };
  }

  /** A request on behalf of a user. @throws ServiceUnavailable, RemoteFailure */
  request(request: RemoteRequest): Promise<TransportResponse> {
    return this.#send(request, this.#target.trust).answer;
  }

  /**
   * Whether the server answers for its version, whatever its certificate.
   * @throws ServiceUnavailable, Error that says why not
   */
  async check(milliseconds: number): Promise<void> {
    const path = `/apis/${this.group}/${this.version}`;
    const signal = AbortSignal.timeout(milliseconds);
    // In whatever form it answers: some have nothing but aggregated discovery.
    const sent = this.#send(
      { method: "GET", path, user: aggregator, headers: {}, signal },
      { insecureSkipTlsVerify: true },
    );
    const url = `https://${hostPort(await sent.place)}${path}`;
    const fail = (why: string): Error => new Error(`failing or missing response from ${url}: ${why}`);
    let response: TransportResponse;
    try {
      response = await sent.answer;
      await wholeBody(response.body, documentBytesMax);
    } catch (error) {
      const { message } = error as Error;
      const late = message === "context deadline exceeded";
      const why = late ? `${message} (Client.Timeout exceeded while awaiting headers)` : message;
      throw fail(`Get ${JSON.stringify(url)}: ${why}`);
    }
    if (response.status < 200 || response.status > 299)
      throw fail(`bad status from ${url}: ${response.status}`);
  }

  /** A document that this server asks for itself. @throws Error */
  async document(
    path: string,
    { accept, etag = "", milliseconds }: { accept: string; etag?: string; milliseconds: number },
  ): Promise<RemoteDocument> {
    const response = await this.request({
      method: "GET",
      path,
      user: aggregator,
      headers: { accept, ...(etag === "" ? {} : { "if-none-match": etag }) },
      signal: AbortSignal.timeout(milliseconds),
    });
    const text = (await wholeBody(response.body, documentBytesMax)).toString();
    const { "content-type": contentType = "", etag: answered = "" } = response.headers;
    return { status: response.status, contentType, etag: answered, text };
  }

  #send({ method, path, user, headers = {}, body, signal }: RemoteRequest, trust: Trust) {
    const { peers, reader, random, certificate } = this.#deps;
    const { reference, serverName } = this.#target;
    const place = serviceAddress(reader, random, reference);
    const answer = place.then((at) => {
      const transport = peers.transport({
        server: `https://${hostPort(at)}`,
        serverName,
        ...trust,
        ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
        // Each group of the user is a header by itself.
        http1: true,
        timeoutMs,
      });
      return transport
        .request({
          method,
          path,
          headers: {
            ...headers,
            "x-forwarded-host": hostPort(at),
            "x-forwarded-proto": "https",
            "x-forwarded-uri": path,
            "x-remote-user": user.name,
          },
          repeatedHeaders: identityHeaders(user),
          ...(body === undefined || body.length === 0 ? {} : { body }),
          ...(signal === undefined ? {} : { signal }),
        })
        .catch((error: unknown) => {
          throw new RemoteFailure(connectionError(error, serverName, at));
        });
    });
    // Whoever waits for the place alone is told of it there.
    answer.catch(() => {});
    return { place, answer };
  }
}

function identityHeaders({ groups, extra = {}, uid }: UserInfo): Record<string, readonly string[]> {
  const headers: Record<string, readonly string[]> = { "x-remote-group": groups };
  if (uid !== undefined && uid !== "") headers["x-remote-uid"] = [uid];
  for (const [name, values] of Object.entries(extra))
    headers[`x-remote-extra-${encodeURIComponent(name).toLowerCase()}`] = values;
  return headers;
}
