/** How controllers, agents and commands talk to the resource API. */
export { pause } from "./backoff.ts";
export { createEventSink, type EventRecorder, type EventSink } from "./event-recorder.ts";
export {
  createInformer,
  createInformerFactory,
  type Informer,
  type InformerFactory,
  type InformerHandler,
  type InformerRequest,
} from "./informer.ts";
export {
  formatKubeconfig,
  type Kubeconfig,
  KubeconfigError,
  parseKubeconfig,
  type ResolvedContext,
  readKubeconfig,
  resolveContext,
  singleContextKubeconfig,
  writeKubeconfig,
} from "./kubeconfig.ts";
export { type LeaderElectionOptions, runLeaderElection } from "./leader-election.ts";
export { errorText, type Log, silentLog } from "./log.ts";
export type {
  Client,
  ListQuery,
  PatchType,
  ResourceScope,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchRequest,
} from "./ports.ts";
export { createClient, resourcePath } from "./rest.ts";
export { keyOf, type Lister, splitKey } from "./store.ts";
export { type UndiciTransportOptions, undiciTransport } from "./undici-transport.ts";
export { createWorkqueue, type Workqueue, type WorkqueueOptions } from "./workqueue.ts";
