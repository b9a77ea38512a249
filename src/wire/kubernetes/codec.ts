import { ProtobufError } from "../protobuf/error.ts";
import { ProtobufReader } from "../protobuf/reader.ts";
import { ProtobufWriter } from "../protobuf/writer.ts";
import { type KubernetesTable, Plans } from "./plan.ts";
import { MessageReader } from "./read.ts";
import { MessageWriter } from "./write.ts";

/** An object with its kind; everything else is the message's. The core group's discovery documents name no version. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly [name: string]: unknown;
}

/**
 * Kubernetes' protobuf (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding) from and to the JSON form of
 * objects. On the wire an object is
 *
 *     6b 38 73 00 | runtime.Unknown { typeMeta { apiVersion, kind }, raw: the message, contentEncoding, contentType }
 */
export interface KubernetesCodec {
  /** False for custom resources and what else has no protobuf form. */
  supports(apiVersion: string, kind: string): boolean;
  /** @throws ProtobufError where a value does not have its field's type; fields that the message does not have are left out */
  encode(object: KubernetesObject): Uint8Array;
  /** @throws ProtobufError */
  decode(bytes: Uint8Array): KubernetesObject;
  /** One event of a watch, without envelope, to be put behind its length; `object` is an encoded one. */
  encodeWatchEvent(type: string, object: Uint8Array): Uint8Array;
}

const magic = [0x6b, 0x38, 0x73, 0x00];
const metaPackage = "k8s.io.apimachinery.pkg.apis.meta.v1";
/** Kinds of `meta` that are used in the name of any group. */
const metaKinds = new Set([
  "Status",
  "ListOptions",
  "CreateOptions",
  "UpdateOptions",
  "PatchOptions",
  "DeleteOptions",
  "GetOptions",
  "WatchEvent",
  "APIGroup",
  "APIGroupList",
  "APIResourceList",
  "APIVersions",
  "PartialObjectMetadata",
  "PartialObjectMetadataList",
]);
/** Groups whose package is not `k8s.io.api.<first label>`. */
const groupPackages: Readonly<Record<string, string>> = {
  "": "k8s.io.api.core",
  "internal.apiserver.k8s.io": "k8s.io.api.apiserverinternal",
  "apiextensions.k8s.io": "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions",
  "apiregistration.k8s.io": "k8s.io.kube_aggregator.pkg.apis.apiregistration",
  "meta.k8s.io": "k8s.io.apimachinery.pkg.apis.meta",
};

/** `table`: schemas/kubernetes/protobuf.json. */
export function createKubernetesCodec(table: KubernetesTable): KubernetesCodec {
  const plans = new Plans(table);
  const messageWriter = new MessageWriter(plans);
  const messageReader = new MessageReader(plans);
  const writer = new ProtobufWriter();

  function messageType(apiVersion: string, kind: string): string | undefined {
    const slash = apiVersion.indexOf("/");
    const group = slash < 0 ? "" : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    const builtIn = group === "" || !group.includes(".") || group.endsWith(".k8s.io");
    const known = Object.hasOwn(groupPackages, group) ? groupPackages[group] : undefined;
    const packageName = known ?? `k8s.io.api.${group.split(".")[0]}`;
    const name = `${packageName}.${version}.${kind}`;
    if (builtIn && plans.has(name)) return name;
    return metaKinds.has(kind) ? `${metaPackage}.${kind}` : undefined;
  }

  return {
    supports: (apiVersion, kind) => messageType(apiVersion, kind) !== undefined,

    encode(object) {
      const { apiVersion = "", kind } = object;
      const type = messageType(apiVersion, kind);
      if (type === undefined) throw new ProtobufError(`${apiVersion} ${kind} has no protobuf form`);
      writer.begin();
      messageWriter.reset();
      writer.string(34, "");
      writer.string(26, "");
      let before = writer.length;
      messageWriter.write(writer, type, object);
      writer.message(18, before);
      before = writer.length;
      writer.string(18, kind);
      writer.string(10, apiVersion);
      writer.message(10, before);
      for (const byte of magic.toReversed()) writer.byte(byte);
      return writer.finish();
    },

    decode(bytes) {
      if (magic.some((byte, i) => bytes[i] !== byte))
        throw new ProtobufError(
          "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        );
      const unknown = readUnknown(bytes.subarray(magic.length));
      if (unknown.contentEncoding !== "")
        throw new ProtobufError(`unsupported content encoding ${unknown.contentEncoding}`);
      const { apiVersion, kind } = unknown;
      const type = messageType(apiVersion, kind);
      if (type === undefined)
        throw new ProtobufError(
          `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
        );
      const object = messageReader.read(new ProtobufReader(unknown.raw), type) as Record<string, unknown>;
      return { kind, apiVersion, ...object };
    },

    encodeWatchEvent(type, object) {
      writer.begin();
      // WatchEvent.object is a RawExtension, whose only field is `raw`.
      const before = writer.length;
      writer.bytes(10, object);
      writer.message(18, before);
      writer.string(10, type);
      return writer.finish();
    },
  };
}

interface Unknown {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
  readonly contentEncoding: string;
}

function readUnknown(bytes: Uint8Array): Unknown {
  const reader = new ProtobufReader(bytes);
  let apiVersion = "";
  let kind = "";
  let raw = new Uint8Array(0);
  let contentEncoding = "";
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) {
      const outer = reader.enter();
      while (reader.more) {
        const inner = reader.tag();
        if (inner === 10) apiVersion = reader.string();
        else if (inner === 18) kind = reader.string();
        else reader.skip(inner);
      }
      reader.leave(outer);
    } else if (tag === 18) raw = reader.bytes() as Uint8Array<ArrayBuffer>;
    else if (tag === 26) contentEncoding = reader.string();
    else reader.skip(tag);
  }
  return { apiVersion, kind, raw, contentEncoding };
}
