/** How controllers, agents and commands talk to the resource API. */
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
