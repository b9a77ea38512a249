/**
 * grpc.health.v1, gRPC's own protocol for asking whether a server serves, as in
 * https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto.
 */
import type { EnumType, MessageCodec, MethodInfo } from "../protobuf/codec.ts";

export interface HealthCheckRequest {
  /** Empty: the server as a whole. */
  readonly service: string;
}

export const servingStatus = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

export interface HealthCheckResponse {
  /** Of `servingStatus`. */
  readonly status: number;
}

export interface HealthListRequest {
  readonly [none: string]: never;
}

export interface HealthListResponse {
  readonly statuses: readonly HealthListEntry[];
}

/** An entry of the map. */
interface HealthListEntry {
  readonly key: string;
  readonly value: HealthCheckResponse | undefined;
}

const statusType: EnumType = {
  name: "grpc.health.v1.HealthCheckResponse.ServingStatus",
  values: servingStatus,
};

const HealthCheckRequest: MessageCodec<HealthCheckRequest> = {
  name: "grpc.health.v1.HealthCheckRequest",
  fields: () => [{ id: 1, name: "service", protoName: "service", kind: "string" }],
  write(w, m) {
    if (m.service) w.string(10, m.service);
  },
  read(r) {
    let service = "";
    while (r.more) {
      const tag = r.tag();
      if (tag === 10) service = r.string();
      else r.skip(tag, HealthCheckRequest);
    }
    return { service };
  },
};

const HealthCheckResponse: MessageCodec<HealthCheckResponse> = {
  name: "grpc.health.v1.HealthCheckResponse",
  fields: () => [{ id: 1, name: "status", protoName: "status", kind: "enum", enum: statusType }],
  write(w, m) {
    if (m.status) w.int32(8, m.status);
  },
  read(r) {
    let status = 0;
    while (r.more) {
      const tag = r.tag();
      if (tag === 8) status = r.int32();
      else r.skip(tag, HealthCheckResponse);
    }
    return { status };
  },
};

const HealthListRequest: MessageCodec<HealthListRequest> = {
  name: "grpc.health.v1.HealthListRequest",
  fields: () => [],
  write() {},
  read(r) {
    while (r.more) r.skip(r.tag(), HealthListRequest);
    return {};
  },
};

const HealthListEntry: MessageCodec<HealthListEntry> = {
  name: "grpc.health.v1.HealthListResponse.StatusesEntry",
  fields: () => [
    { id: 1, name: "key", protoName: "key", kind: "string" },
    { id: 2, name: "value", protoName: "value", kind: "message", message: HealthCheckResponse },
  ],
  write(w, m) {
    if (m.value !== undefined) {
      const before = w.length;
      HealthCheckResponse.write(w, m.value);
      w.message(18, before);
    }
    // Both fields of a map's entry are written, as Go does.
    w.string(10, m.key ?? "");
  },
  read(r) {
    let key = "";
    let value: HealthCheckResponse | undefined;
    while (r.more) {
      const tag = r.tag();
      if (tag === 10) key = r.string();
      else if (tag === 18) {
        const outer = r.enter();
        value = HealthCheckResponse.read(r);
        r.leave(outer);
      } else r.skip(tag, HealthListEntry);
    }
    return { key, value };
  },
};

const HealthListResponse: MessageCodec<HealthListResponse> = {
  name: "grpc.health.v1.HealthListResponse",
  fields: () => [
    {
      id: 1,
      name: "statuses",
      protoName: "statuses",
      kind: "message",
      repeated: true,
      message: HealthListEntry,
    },
  ],
  write(w, { statuses = [] }) {
    for (const entry of [...statuses].reverse()) {
      const before = w.length;
      HealthListEntry.write(w, entry);
      w.message(10, before);
    }
  },
  read(r) {
    const statuses: HealthListEntry[] = [];
    while (r.more) {
      const tag = r.tag();
      if (tag !== 10) {
        r.skip(tag, HealthListResponse);
        continue;
      }
      const outer = r.enter();
      statuses.push(HealthListEntry.read(r));
      r.leave(outer);
    }
    return { statuses };
  },
};

export const HealthService = {
  Check: {
    path: "/grpc.health.v1.Health/Check",
    request: HealthCheckRequest,
    response: HealthCheckResponse,
    requestStream: false,
    responseStream: false,
    gatewayPaths: [],
  } satisfies MethodInfo<HealthCheckRequest, HealthCheckResponse>,
  List: {
    path: "/grpc.health.v1.Health/List",
    request: HealthListRequest,
    response: HealthListResponse,
    requestStream: false,
    responseStream: false,
    gatewayPaths: [],
  } satisfies MethodInfo<HealthListRequest, HealthListResponse>,
  Watch: {
    path: "/grpc.health.v1.Health/Watch",
    request: HealthCheckRequest,
    response: HealthCheckResponse,
    requestStream: false,
    responseStream: true,
    gatewayPaths: [],
  } satisfies MethodInfo<HealthCheckRequest, HealthCheckResponse>,
};
