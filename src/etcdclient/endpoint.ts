import type { createHttpClient, HttpClient } from "../h2/index.ts";
import type { ConnectOptions, Platform, Timer } from "../platform/index.ts";
import { etcdserverpb } from "../wire/index.ts";
import { openCall } from "./call.ts";
import type { EndpointAddress } from "./endpoint-address.ts";
import { connectTimeoutMs, reconnectMsMax, reconnectMsMin } from "./limits.ts";
import { type RpcStatus, statusCode } from "./status.ts";

export interface EndpointOptions {
  readonly address: EndpointAddress;
  readonly platform: Pick<Platform, "clock" | "random" | "network">;
  readonly tls: ConnectOptions["tls"] | undefined;
  readonly http: ReturnType<typeof createHttpClient>;
  /** What the member says of itself; an error means that it must not be asked anything. */
  readonly admit: (status: etcdserverpb.StatusResponse) => Error | undefined;
  /** Something may be asked of it again, or nothing more. */
  readonly changed: () => void;
  readonly trouble: (endpoint: Endpoint, error: Error) => void;
}

/** One member: a connection that is made again whenever it is lost, for as long as anybody may want it. */
export class Endpoint {
  readonly url: string;
  /** Why it cannot be asked at the moment. */
  problem: Error | undefined = new Error("no connection yet");
  readonly #options: EndpointOptions;
  readonly #fields = new Map<string, Readonly<Record<string, string>>>();
  #client: HttpClient | undefined;
  #retry: Timer | undefined;
  #retryMs = reconnectMsMin;
  #closed = false;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.url = options.address.url;
    void this.#connect();
  }

  /** Who has room for another call. */
  get usable(): HttpClient | undefined {
    return this.#client?.hasRoom ? this.#client : undefined;
  }

  /** The header of a call, the same object for the same call. `leader`: only from a member that knows the leader. */
  fields(path: string, leader: boolean): Readonly<Record<string, string>> {
    const key = leader ? `${path} leader` : path;
    let fields = this.#fields.get(key);
    if (fields === undefined) {
      const { host, port, secure, path: socket } = this.#options.address;
      const named = `${host.includes(":") ? `[${host}]` : host}:${port}`;
      fields = Object.freeze({
        ":method": "POST",
        ":scheme": secure ? "https" : "http",
        ":path": path,
        ":authority": socket === undefined ? named : "localhost",
        te: "trailers",
        "content-type": "application/grpc",
        "user-agent": "raftsman",
        ...(leader ? { hasleader: "true" } : {}),
      });
      this.#fields.set(key, fields);
    }
    return fields;
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#client?.destroy();
    this.#client = undefined;
  }

  async #connect(): Promise<void> {
    const { platform, address, http } = this.#options;
    let client: HttpClient | undefined;
    try {
      const connection = await platform.network.connect({
        host: address.host,
        port: address.port,
        ...(address.path === undefined ? {} : { path: address.path }),
        timeoutMs: connectTimeoutMs,
        ...(address.secure ? { tls: { ...this.#options.tls, protocols: ["h2"] } } : {}),
      });
      if (address.secure && connection.protocol !== "h2") {
        connection.stream.destroy();
        throw new Error(`${this.url} does not speak HTTP/2`);
      }
      if (this.#closed) {
        connection.stream.destroy();
        return;
      }
      const made = http.use(connection, () => this.#onRoom(made));
      client = made;
      await made.ready;
      const refusal = this.#options.admit(await this.#status(made));
      if (refusal !== undefined) throw refusal;
      if (this.#closed) return made.destroy();
      this.#client = made;
      this.problem = undefined;
      this.#retryMs = reconnectMsMin;
      void made.gone.then((reason) => this.#lost(made, reason));
      this.#options.changed();
    } catch (error) {
      client?.destroy();
      this.#failed(error as Error);
    }
  }

  #onRoom(client: HttpClient): void {
    if (this.#client !== client) return;
    // The calls under way on a connection that takes no more may end; the next ones get another.
    if (client.closing) this.#lost(client, new Error("the server takes no more calls on this connection"));
    else this.#options.changed();
  }

  #lost(client: HttpClient, reason: Error): void {
    if (this.#client !== client || this.#closed) return;
    this.#client = undefined;
    client.close();
    this.#failed(reason);
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    this.problem = error;
    this.#options.trouble(this, error);
    const { clock, random } = this.#options.platform;
    // Spread out, so that those who lost the same member do not come back all at once.
    const pauseMs = this.#retryMs * (0.5 + random.number() / 2);
    this.#retryMs = Math.min(reconnectMsMax, this.#retryMs * 2);
    this.#retry = clock.after(pauseMs, () => void this.#connect(), { background: true });
  }

  #status(client: HttpClient): Promise<etcdserverpb.StatusResponse> {
    const method = etcdserverpb.MaintenanceService.Status;
    const { promise, resolve, reject } = Promise.withResolvers<etcdserverpb.StatusResponse>();
    const call = openCall(client, method, this.fields(method.path, false), {
      message: resolve,
      ended: ({ code, message }: RpcStatus) => {
        timer.cancel();
        if (code !== statusCode.ok) reject(new Error(`${this.url} does not say who it is: ${message}`));
      },
    });
    const timer = this.#options.platform.clock.after(
      connectTimeoutMs,
      () => {
        call.cancel();
        reject(new Error(`${this.url} does not say who it is in ${connectTimeoutMs} ms`));
      },
      { background: true },
    );
    call.sendLast({});
    return promise;
  }
}
