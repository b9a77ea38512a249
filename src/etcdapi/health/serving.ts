import { grpcHealth } from "../../wire/index.ts";
import { code, RpcError } from "../errors.ts";
import { type Method, stream, unary } from "../method.ts";

/**
 * gRPC's own way of asking whether a server serves, which probes and balancing clients use. As etcd, it knows of the server as a whole, by the empty
 * name, and that serves as long as it answers at all: nothing that is done here, defragmenting included, keeps calls waiting.
 */
export const servingMethods: readonly Method[] = [
  unary(grpcHealth.HealthService.Check, async ({ service }) => {
    if (service !== "") throw new RpcError(code.notFound, "unknown service");
    return { status: grpcHealth.servingStatus.SERVING };
  }),
  unary(grpcHealth.HealthService.List, async () => ({
    statuses: [{ key: "", value: { status: grpcHealth.servingStatus.SERVING } }],
  })),
  // It goes on until the client leaves or the server stops: a service that is not known now might come.
  stream(grpcHealth.HealthService.Watch, (reply) => ({
    request({ service }) {
      const { SERVING, SERVICE_UNKNOWN } = grpcHealth.servingStatus;
      reply.send({ status: service === "" ? SERVING : SERVICE_UNKNOWN });
    },
    requestsEnded() {},
    drain() {},
    closed() {},
  })),
];
