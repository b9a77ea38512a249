/** What the router tells the owners of its objects: addresses where they are admitted, reasons where not. */
import { deepEqual, formatTime, StatusError } from "../apimachinery/index.ts";
import { type Client, createWorkqueue, type EventRecorder, type Log } from "../client/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Ingress, Problem, Route, RouteTable } from "./types.ts";

export interface StatusWriterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly recorder: EventRecorder | undefined;
  /** Of the router, as clients reach it. */
  readonly address: string;
  readonly ports: readonly number[];
  readonly ingress: (namespace: string, name: string) => Ingress | undefined;
  readonly route: (namespace: string, name: string) => Route | undefined;
  readonly table: () => RouteTable;
}

export interface StatusWriter {
  /** Brings an owner's status up to date, soon. */
  update(owner: string): void;
  stop(): Promise<void>;
}

const routerName = "raftsman";
const ingresses = { group: "networking.k8s.io", version: "v1", resource: "ingresses" };
export const routes = { group: "route.openshift.io", version: "v1", resource: "routes" };

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, clock, log } = options;
  /** The last problems that an event told of, by owner. */
  const told = new Map<string, string>();
  const queue = createWorkqueue({ name: "router status", clock, log, process: write });

  async function write(owner: string): Promise<void> {
    const [kind = "", key = ""] = owner.split(" ");
    const [namespace = "", name = ""] = key.split("/");
    const object = kind === "Ingress" ? options.ingress(namespace, name) : options.route(namespace, name);
    if (object === undefined) {
      told.delete(owner);
      return;
    }
    const table = options.table();
    const problems = table.problems.get(owner) ?? [];
    tell(owner, object, problems);
    const status =
      kind === "Ingress"
        ? ingressStatus(table.admitted.has(owner), problems)
        : routeStatus(object as Route, table.admitted.has(owner), problems);
    if (deepEqual(object.status ?? {}, status)) return;
    try {
      const scope = { ...(kind === "Ingress" ? ingresses : routes), namespace };
      await client.patch(scope, name, { type: "merge", body: { status }, subresource: "status" });
    } catch (error) {
      if (!(error instanceof StatusError && error.reason === "NotFound")) throw error;
    }
  }

  function tell(owner: string, object: Ingress | Route, problems: readonly Problem[]): void {
    const text = problems.map(({ reason, message }) => `${reason}: ${message}`).join("\n");
    if ((told.get(owner) ?? "") === text) return;
    told.set(owner, text);
    const [kind = ""] = owner.split(" ");
    const apiVersion = kind === "Ingress" ? "networking.k8s.io/v1" : "route.openshift.io/v1";
    for (const { reason, message } of problems)
      options.recorder?.event({ ...object, kind, apiVersion }, "Warning", reason, message);
  }

  function ingressStatus(admitted: boolean, problems: readonly Problem[]): object {
    if (!admitted && problems.length === 0) return { loadBalancer: {} };
    const error = problems[0]?.reason;
    const ports = options.ports.map((port) => ({
      port,
      protocol: "TCP",
      ...(error === undefined ? {} : { error }),
    }));
    const isAddress = /^[\d.]+$|:/.test(options.address);
    const place = isAddress ? { ip: options.address } : { hostname: options.address };
    return { loadBalancer: { ingress: [{ ...place, ports }] } };
  }

  function routeStatus(route: Route, admitted: boolean, problems: readonly Problem[]): object {
    const others = ((route.status?.ingress ?? []) as { routerName?: string }[]).filter(
      (one) => one.routerName !== routerName,
    );
    const mine = ((route.status?.ingress ?? []) as { routerName?: string; conditions?: Condition[] }[]).find(
      (one) => one.routerName === routerName,
    );
    const [problem] = problems;
    const next: Condition = {
      type: "Admitted",
      status: admitted ? "True" : "False",
      ...(admitted || problem === undefined ? {} : { reason: problem.reason }),
      ...(problem === undefined ? {} : { message: problems.map(({ message }) => message).join("; ") }),
    };
    const before = mine?.conditions?.[0];
    const { lastTransitionTime = formatTime(clock.now()), ...rest } = before ?? { type: "" };
    const since = deepEqual(rest, next) ? lastTransitionTime : formatTime(clock.now());
    return {
      ingress: [
        ...others,
        {
          host: route.spec?.host ?? "",
          routerName,
          wildcardPolicy: route.spec?.wildcardPolicy ?? "None",
          conditions: [{ ...next, lastTransitionTime: since }],
        },
      ],
    };
  }

  queue.start();
  return { update: (owner) => queue.add(owner), stop: () => queue.stop() };
}

interface Condition {
  type: string;
  status?: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}
