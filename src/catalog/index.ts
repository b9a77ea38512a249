/** Services and their endpoints, joined from informers, for all who send traffic. */
export { type Catalog, clusterIpsOf, createCatalog, keyOfService, serviceKeyOf } from "./catalog.ts";
export { conditionsOf, endpointsOf } from "./endpoints.ts";
export type {
  Endpoint,
  EndpointSlice,
  Protocol,
  Service,
  ServicePort,
  SliceEndpoint,
  SlicePort,
} from "./types.ts";
