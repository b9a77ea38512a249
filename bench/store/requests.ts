/** What is asked of the servers, as bodies of gRPC calls. */
import { encodeGrpc, etcdserverpb } from "../../src/wire/index.ts";

export const valueBytes = 256;

export interface Call {
  /** Method of the KV service. */
  readonly method: "Put" | "Range" | "Txn";
  readonly body: Uint8Array;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const value = (length: number) => new Uint8Array(length).fill(120);

export const watchedKey = bytes("/registry/services/specs/default/docker-registry");

export const put: Call = {
  method: "Put",
  body: encodeGrpc(etcdserverpb.PutRequest, { key: watchedKey, value: value(valueBytes) }),
};

export function get(options: { serializable: boolean }): Call {
  return {
    method: "Range",
    body: encodeGrpc(etcdserverpb.RangeRequest, { key: watchedKey, ...options }),
  };
}

/**
 * As kube-apiserver updates an object: where it is as it was read, write it; else read it. Here the version is compared, so that it holds
 * again after every write.
 */
export const kubernetesTxn: Call = {
  method: "Txn",
  body: encodeGrpc(etcdserverpb.TxnRequest, {
    compare: [
      {
        key: watchedKey,
        target: etcdserverpb.CompareCompareTarget.values.VERSION,
        version: 0,
        result: etcdserverpb.CompareCompareResult.values.GREATER,
      },
    ],
    success: [{ requestPut: { key: watchedKey, value: value(valueBytes) } }],
    failure: [{ requestRange: { key: watchedKey } }],
  }),
};

const putsPerTxn = 100;
const collection = "/registry/endpoints/default/";

/** Writes the keys of a collection from one number up to another, a hundred a call. */
export function* fill(from: number, to: number, keyValueBytes = valueBytes): Generator<Call> {
  for (let next = from; next < to; next += putsPerTxn) {
    const success = Array.from({ length: Math.min(putsPerTxn, to - next) }, (_, i) => ({
      requestPut: { key: keyAt(next + i), value: value(keyValueBytes) },
    }));
    yield { method: "Txn", body: encodeGrpc(etcdserverpb.TxnRequest, { success }) };
  }
}

/** The first keys of the collection. */
export function list(limit: number): Call {
  const rangeEnd = bytes(collection.replace(/[/]$/, "0"));
  return {
    method: "Range",
    body: encodeGrpc(etcdserverpb.RangeRequest, { key: bytes(collection), rangeEnd, limit }),
  };
}

function keyAt(number: number): Uint8Array {
  return bytes(`${collection}endpoints-${String(number).padStart(8, "0")}`);
}
