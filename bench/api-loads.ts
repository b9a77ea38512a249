/** What the benchmark of the resource API asks for, over and over. */
import type { MeasuredApi } from "./api-servers.ts";
import { h2load } from "./h2load.ts";

/** Made before the first load. */
export const listed = 5000;
export const objects = 2000;
export const deployments = 200;
const filler = "x".repeat(900);
export const collection = "/api/v1/namespaces/bench/configmaps";
export const json = "content-type: application/json";

export interface Context {
  readonly server: MeasuredApi;
  /** Another one in each round. */
  readonly round: number;
  /** Paths of ConfigMaps that are there. */
  readonly paths: readonly string[];
  readonly headers: readonly string[];
}

export interface Outcome {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** The server's, where not all of the run counts. */
  readonly cpuSeconds?: number;
}

export interface Load {
  readonly name: string;
  readonly requests: number;
  readonly run: (context: Context, requests: number) => Promise<Outcome>;
}

export const configMap = (metadata: object) => ({ metadata, data: { filler } });

/** Two clients with half of the paths each: every path is asked for once. */
export async function eachOnce(
  { server, headers }: Context,
  options: { method: string; paths: readonly string[]; body?: string; contentType?: string; streams: number },
): Promise<Outcome> {
  const { method, body, contentType, streams } = options;
  const half = Math.ceil(options.paths.length / 2);
  const halves = [options.paths.slice(0, half), options.paths.slice(half)];
  const outcomes = await Promise.all(
    halves.map((paths) =>
      h2load({
        origin: server.origin,
        paths,
        method,
        headers: contentType === undefined ? headers : [...headers, `content-type: ${contentType}`],
        ...(body === undefined ? {} : { body }),
        requests: paths.length,
        connections: 1,
        streams,
      }),
    ),
  );
  return {
    perSecond: outcomes.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p99Ms: Math.max(...outcomes.map(({ p99Ms }) => p99Ms)),
  };
}

const create = (connections: number, streams: number) => (context: Context, requests: number) =>
  h2load({
    origin: context.server.origin,
    paths: [collection],
    headers: [...context.headers, json],
    body: JSON.stringify(configMap({ generateName: "created-", labels: { made: "created" } })),
    requests,
    connections,
    streams,
  });

const get = (connections: number, streams: number) => (context: Context, requests: number) =>
  h2load({ ...shared(context), paths: context.paths, requests, connections, streams });

const list = (query: string, connections: number, streams: number) => (context: Context, requests: number) =>
  h2load({ ...shared(context), paths: [`${collection}${query}`], requests, connections, streams });

const shared = ({ server, headers }: Context) => ({ origin: server.origin, headers });

/** Requests, each answered by itself. */
export const requestLoads: readonly Load[] = [
  // Before the others make more.
  { name: `list ${listed.toLocaleString("en")} objects, one client`, requests: 20, run: list("", 1, 1) },
  { name: "create, one client", requests: 500, run: create(1, 1) },
  { name: "create, 128 in flight", requests: 4000, run: create(2, 64) },
  { name: "get, one client", requests: 1500, run: get(1, 1) },
  { name: "get, 128 in flight", requests: 12_000, run: get(2, 64) },
  { name: "list limit=100, 128 in flight", requests: 1000, run: list("?limit=100", 2, 64) },
  {
    name: "merge patch, 128 in flight",
    requests: objects,
    run: (context, requests) =>
      eachOnce(context, {
        method: "PATCH",
        paths: context.paths.slice(0, requests),
        body: JSON.stringify({ metadata: { annotations: { round: `${context.round}` } } }),
        contentType: "application/merge-patch+json",
        streams: 64,
      }),
  },
  {
    name: "apply a Deployment, 16 in flight",
    requests: deployments,
    run: (context, requests) =>
      eachOnce(context, {
        method: "PATCH",
        paths: Array.from(
          { length: requests },
          (_, i) => `${deploymentPath(i)}?fieldManager=bench&force=true`,
        ),
        body: JSON.stringify(deployment(context.round)),
        contentType: "application/apply-patch+yaml",
        streams: 8,
      }),
  },
  {
    name: "delete, 128 in flight",
    requests: objects,
    async run(context, requests) {
      const paths = await pathsOf(context.server, "made=created", requests);
      return eachOnce(context, { method: "DELETE", paths, streams: 64 });
    },
  },
  { name: "list all that was made, one client", requests: 8, run: list("", 1, 1) },
];

export const deploymentPath = (i: number) => `/apis/apps/v1/namespaces/bench/deployments/web-${i}`;

/** Without a name of its own in the body: it comes from the path. Asks for no pods, so that only the API server works. */
export function deployment(round: number) {
  const labels = { app: "web" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { labels: { round: `${round}` } },
    spec: {
      replicas: 0,
      paused: true,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

export async function pathsOf(server: MeasuredApi, labelSelector: string, limit: number): Promise<string[]> {
  const query = new URLSearchParams({ labelSelector, limit: `${limit}` });
  const found = (await server.call("GET", `${collection}?${query}`)) as {
    items: { metadata: { name: string } }[];
  };
  return found.items.map(({ metadata }) => `${collection}/${metadata.name}`);
}
