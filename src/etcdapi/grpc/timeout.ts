import { code, RpcError } from "../errors.ts";

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a grpc-timeout header: up to eight digits and a unit. @throws RpcError in the words of Go's gRPC */
export function timeoutMs(header: string): number {
  const quoted = JSON.stringify(header);
  if (header.length < 2) throw malformed(`transport: timeout string is too short: ${quoted}`);
  if (header.length > 9) throw malformed(`transport: timeout string is too long: ${quoted}`);
  const unit = unitMs[header.slice(-1)];
  if (unit === undefined) throw malformed(`transport: timeout unit is not recognized: ${quoted}`);
  const digits = header.slice(0, -1);
  if (!/^\d+$/.test(digits))
    throw malformed(`strconv.ParseUint: parsing ${JSON.stringify(digits)}: invalid syntax`);
  return Number(digits) * unit;
}

function malformed(what: string): RpcError {
  return new RpcError(code.internal, `malformed grpc-timeout: ${what}`);
}
