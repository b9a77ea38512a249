import type { Machine } from "../../platform/index.ts";
import { type Handler, portNumber } from "./pod.ts";
import { fetchStatus, type ProbeTarget } from "./probes/check.ts";

/** Runs a postStart or preStop hook. @throws Error where it fails or takes too long */
export async function runHook(
  machine: Machine,
  handler: Handler,
  { target, timeoutMs }: { readonly target: ProbeTarget; readonly timeoutMs: number },
): Promise<void> {
  if (handler.exec !== undefined) {
    const { exitCode, output } = await target.exec(handler.exec.command ?? [], timeoutMs);
    if (exitCode !== 0) throw new Error(`command ended with ${exitCode ?? "the time up"}: ${output}`);
  } else if (handler.httpGet !== undefined) {
    const { httpGet } = handler;
    const port = portNumber(target.container, httpGet.port);
    if (port === undefined) throw new Error(`no port ${httpGet.port}`);
    const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    const host = httpGet.host || target.podIp;
    await fetchStatus(machine, {
      host,
      port,
      secure: httpGet.scheme === "HTTPS",
      path: httpGet.path || "/",
      headers: { host: `${host}:${port}`, "user-agent": "kube-lifecycle/1.35", ...headers },
      timeoutMs,
    });
  } else if (handler.sleep !== undefined) {
    const milliseconds = Math.min(handler.sleep.seconds * 1000, timeoutMs);
    await new Promise<void>((resolve) => machine.clock.after(milliseconds, resolve, { background: true }));
  } else if (handler.tcpSocket !== undefined) {
    throw new Error("tcpSocket is no hook");
  }
}
