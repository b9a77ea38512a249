/**
 * Services at their addresses on this machine: TCP and UDP from cluster IPs and node ports to endpoints, as kube-proxy's rules say.
 * `proxy.ts` tells how it goes together.
 */
export { Balancer, type Claim, endpointKey } from "./balancer.ts";
export { dialEndpoint } from "./dial.ts";
export { joinConnections, reset } from "./join.ts";
export { type ProxyOptions, type ServiceProxy, startProxy } from "./proxy.ts";
export { selectEndpoints } from "./selection.ts";
export { UdpFrontend } from "./udp.ts";
