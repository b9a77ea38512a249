import {
  deepEqual,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  type KubeObject,
  rangeError,
} from "../../apimachinery/index.ts";
import { validateDriverName } from "../core/volume/driver-rules.ts";
import { type PersistentVolumeSpec, validateInlineVolume } from "../core/volume/persistent-volume.ts";
import { statusMetadata } from "../rules/status-metadata.ts";
import { complaints, fieldIsImmutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

/** storage.k8s.io/v1 VolumeAttachment: the wish to have a volume on a node, and how far it has come true. */
interface VolumeAttachment extends KubeObject {
  spec: {
    attacher?: string;
    nodeName?: string;
    source?: { persistentVolumeName?: string; inlineVolumeSpec?: PersistentVolumeSpec };
  };
  status?: VolumeAttachmentStatus;
}

interface VolumeAttachmentStatus {
  attached: boolean;
  attachmentMetadata?: Record<string, string>;
  attachError?: VolumeError;
  detachError?: VolumeError;
}

interface VolumeError {
  message?: string;
  errorCode?: number;
}

const notAttached: VolumeAttachmentStatus = { attached: false };
const metadataBytesMax = 256 * 1024;
const messageBytesMax = 1024;
const int32Max = 2 ** 31 - 1;

export const volumeAttachmentStrategy: Strategy<VolumeAttachment> = {
  namespaced: false,
  metadataOnUpdate: ["object"],
  returnDeletedObject: true,
  allowUnconditionalUpdate: false,
  prepareForCreate: (attachment) => {
    attachment.status = notAttached;
    return attachment;
  },
  prepareForUpdate: (next, old) => {
    next.status = old.status ?? notAttached;
    return next;
  },
  validate: (attachment) => [...validate(attachment), ...validateStrictly(attachment)],
  validateUpdate: (next, old) => [...validate(next), ...validateSameSpec(next.spec, old.spec)],
  resetFields: [["status"]],
  status: {
    prepareForUpdate: (next, old) => ({ ...next, spec: old.spec, metadata: statusMetadata(next, old) }),
    validateUpdate: (next) => validate(next),
    allowUnconditionalUpdate: false,
    resetFields: [["metadata"], ["spec"]],
  },
  tableRow: (attachment, now) => [
    nameOf(attachment),
    attachment.spec.attacher ?? "",
    attachment.spec.source?.persistentVolumeName ?? "",
    attachment.spec.nodeName ?? "",
    attachment.status?.attached ?? false,
    age(attachment, now),
  ],
};

function validate({ spec, status = notAttached }: VolumeAttachment): FieldError[] {
  const { attacher = "", nodeName = "" } = spec;
  const errors: FieldError[] = [];
  if (attacher === "") errors.push(field.required("spec.attacher", ""));
  errors.push(...validateSource(spec.source ?? {}, "spec.source"));
  errors.push(...complaints("spec.nodeName", nodeName, dns1123SubdomainErrors(nodeName)));
  let bytes = 0;
  for (const [key, value] of Object.entries(status.attachmentMetadata ?? {}))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes > metadataBytesMax) errors.push(field.tooLong("status.attachmentMetadata", metadataBytesMax));
  errors.push(...validateError(status.attachError, "status.attachError"));
  return [...errors, ...validateError(status.detachError, "status.detachError")];
}

function validateSameSpec(next: VolumeAttachment["spec"], old: VolumeAttachment["spec"]): FieldError[] {
  if (deepEqual(next, old)) return [];
  const { persistentVolumeName = null, inlineVolumeSpec = null } = next.source ?? {};
  // Upstream prints its internal form.
  const shown = {
    Attacher: next.attacher ?? "",
    Source: { PersistentVolumeName: persistentVolumeName, InlineVolumeSpec: inlineVolumeSpec },
    NodeName: next.nodeName ?? "",
  };
  return [field.invalid("spec", shown, fieldIsImmutable)];
}

function validateSource(
  { persistentVolumeName, inlineVolumeSpec }: NonNullable<VolumeAttachment["spec"]["source"]>,
  path: string,
): FieldError[] {
  const rule = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (inlineVolumeSpec === undefined) {
    if (persistentVolumeName === undefined) return [field.required(path, rule)];
    if (persistentVolumeName !== "") return [];
    const at = `${path}.persistentVolumeName`;
    return [field.required(at, "must specify non empty persistentVolumeName")];
  }
  if (persistentVolumeName !== undefined) return [field.forbidden(path, rule)];
  return validateInlineVolume(inlineVolumeSpec, `${path}.inlineVolumeSpec`);
}

function validateError(error: VolumeError | undefined, path: string): FieldError[] {
  if (error === undefined) return [];
  const { message = "", errorCode = 0 } = error;
  const errors: FieldError[] = [];
  if (Buffer.byteLength(message) > messageBytesMax)
    errors.push(field.tooLong(`${path}.message`, metadataBytesMax));
  if (errorCode < 0) errors.push(field.invalid(`${path}.errorCode`, errorCode, rangeError(0, int32Max)));
  return errors;
}

/** What v1 asks of new objects beyond what older versions did. */
function validateStrictly({ spec }: VolumeAttachment): FieldError[] {
  const name = spec.source?.persistentVolumeName;
  return [
    ...validateDriverName(spec.attacher ?? "", "spec.attacher"),
    ...(name === undefined
      ? []
      : complaints("spec.source.persistentVolumeName", name, dns1123SubdomainErrors(name))),
  ];
}
