/** One look at a container: exec, httpGet, tcpSocket or grpc, and what it says in the kubelet's words. */
import { request as httpRequest } from "node:http";
import type { Connection, Machine } from "../../../platform/index.ts";
import { probeOutputBytesMax } from "../limits.ts";
import { type Container, type HttpGet, type Probe, portNumber } from "../pod.ts";
import { checkGrpcHealth } from "./grpc-health.ts";

export interface ProbeResult {
  readonly succeeded: boolean;
  readonly output: string;
}

export interface ProbeTarget {
  readonly container: Container;
  readonly podIp: string;
  /** Runs a command as the container would; its status, or undefined when the time was up. */
  exec(
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ exitCode: number | undefined; output: string }>;
}

const failed = (output: string): ProbeResult => ({ succeeded: false, output });
const fine: ProbeResult = { succeeded: true, output: "" };

/** Never rejects: what cannot be looked at has failed. */
export async function check(machine: Machine, probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.exec !== undefined) return await checkExec(probe.exec.command ?? [], timeoutMs, target);
    if (probe.httpGet !== undefined) return await checkHttp(machine, probe.httpGet, timeoutMs, target);
    if (probe.tcpSocket !== undefined) {
      const host = probe.tcpSocket.host || target.podIp;
      const port = needPort(target.container, probe.tcpSocket.port);
      const connection = await dial(machine, { host, port, timeoutMs });
      connection.stream.destroy();
      return fine;
    }
    if (probe.grpc !== undefined) return await checkGrpc(machine, probe.grpc, timeoutMs, target);
    return failed(`missing probe handler for ${target.container.name}`);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

async function checkExec(
  command: readonly string[],
  timeoutMs: number,
  target: ProbeTarget,
): Promise<ProbeResult> {
  const { exitCode, output } = await target.exec(command, timeoutMs);
  if (exitCode === undefined) {
    const seconds = timeoutMs / 1000;
    return failed(`command timed out: ${JSON.stringify(command.join(" "))} timed out after ${seconds}s`);
  }
  return { succeeded: exitCode === 0, output };
}

async function checkHttp(
  machine: Machine,
  get: HttpGet,
  timeoutMs: number,
  target: ProbeTarget,
): Promise<ProbeResult> {
  const port = needPort(target.container, get.port);
  const host = get.host || target.podIp;
  const secure = get.scheme === "HTTPS";
  const path =
    get.path === undefined || get.path === "" ? "/" : get.path.startsWith("/") ? get.path : `/${get.path}`;
  const url = `${secure ? "https" : "http"}://${hostPort(host, port)}${path}`;
  const headers: Record<string, string> = {
    "user-agent": "kube-probe/1.35",
    accept: "*/*",
    host: hostPort(host, port),
  };
  for (const { name, value } of get.httpHeaders ?? []) {
    if (value === "") delete headers[name.toLowerCase()];
    else headers[name.toLowerCase()] = value;
  }
  try {
    const { status, body } = await fetchStatus(machine, { host, port, secure, path, headers, timeoutMs });
    if (status >= 200 && status < 400) return { succeeded: true, output: body };
    return failed(`HTTP probe failed with statuscode: ${status}`);
  } catch (error) {
    return failed(`Get ${JSON.stringify(url)}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface HttpTry {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** One GET; the body up to a bound. Used by hooks too. */
export async function fetchStatus(machine: Machine, one: HttpTry): Promise<{ status: number; body: string }> {
  const { host, port, secure, timeoutMs } = one;
  const connection = await dial(machine, { host, port, timeoutMs, secure });
  const { stream } = connection;
  return new Promise((resolve, reject) => {
    const deadline = machine.clock.after(timeoutMs, () => {
      reject(new Error("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"));
      stream.destroy();
    });
    const end = (settle: () => void): void => {
      deadline.cancel();
      settle();
      stream.destroy();
    };
    const request = httpRequest({
      createConnection: () => stream,
      method: "GET",
      path: one.path,
      headers: { ...one.headers, connection: "close" },
    });
    request.on("error", (error) => end(() => reject(error)));
    request.on("response", (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        if (body.length < probeOutputBytesMax) body += chunk.toString();
      });
      response.on("error", (error) => end(() => reject(error)));
      response.on("end", () =>
        end(() => resolve({ status: response.statusCode ?? 0, body: body.slice(0, probeOutputBytesMax) })),
      );
    });
    request.end();
  });
}

async function checkGrpc(
  machine: Machine,
  grpc: { readonly port: number; readonly service?: string },
  timeoutMs: number,
  target: ProbeTarget,
): Promise<ProbeResult> {
  const at = hostPort(target.podIp, grpc.port);
  const late = `timeout: failed to connect service ${JSON.stringify(at)} within ${timeoutMs / 1000}s`;
  let connection: Connection;
  try {
    connection = await dial(machine, { host: target.podIp, port: grpc.port, timeoutMs });
  } catch (error) {
    return failed(`${late}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { stream } = connection;
  const deadline = machine.clock.after(timeoutMs, () => void stream.destroy());
  try {
    const status = await checkGrpcHealth(stream, at, grpc.service ?? "");
    return status === "SERVING"
      ? fine
      : failed(`service unhealthy (responded with ${JSON.stringify(status)})`);
  } catch (error) {
    return failed(stream.destroyed ? late : error instanceof Error ? error.message : String(error));
  } finally {
    deadline.cancel();
    stream.destroy();
  }
}

function needPort(container: Container, port: string | number): number {
  const number = portNumber(container, port);
  if (number === undefined || number < 1 || number > 65_535)
    throw new Error(`couldn't find port: ${JSON.stringify(port)} in container ${container.name}`);
  return number;
}

const hostPort = (host: string, port: number): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

async function dial(
  machine: Machine,
  { host, port, timeoutMs, secure }: { host: string; port: number; timeoutMs: number; secure?: boolean },
): Promise<Connection> {
  try {
    return await machine.network.connect({
      host,
      port,
      timeoutMs,
      ...(secure === true ? { tls: { unverified: true, protocols: ["http/1.1"] } } : {}),
    });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const what =
      code === "ECONNREFUSED"
        ? "connect: connection refused"
        : code === "ETIMEDOUT"
          ? "i/o timeout"
          : code === "EHOSTUNREACH"
            ? "connect: no route to host"
            : message;
    throw new Error(`dial tcp ${hostPort(host, port)}: ${what}`);
  }
}
