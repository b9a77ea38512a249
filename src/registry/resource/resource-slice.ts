import { dns1123SubdomainErrors, type FieldError, field } from "../../apimachinery/index.ts";
import { validateNodeSelector } from "../core/pod/scheduling.ts";
import { validateDriverName } from "../core/volume/driver-rules.ts";
import { countWanted } from "../rules/replicas.ts";
import { complaints, immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { validateLabelName, validatePool, validateQualifiedName, validateSet } from "./device-rules.ts";
import type { Device, DeviceAttribute, ResourceSlice, SliceSpec } from "./types.ts";

const devicesMax = 128;
const propertiesMax = 32;
const attributeBytesMax = 64;

export const resourceSliceStrategy: Strategy<ResourceSlice> = {
  namespaced: false,
  prepareForCreate: (slice) => {
    slice.metadata.generation = 1;
    return { ...slice, spec: withoutAlphaFields(slice.spec) };
  },
  // What is left out counts as a change.
  prepareForUpdate: (next, old) => {
    const counted = countWanted(next, old);
    return { ...counted, spec: withoutAlphaFields(counted.spec) };
  },
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (next, old) => [
    ...validateSpec(next.spec),
    ...immutable("spec.pool.name", next.spec.pool?.name ?? "", old.spec.pool?.name ?? ""),
    ...immutable("spec.driver", next.spec.driver ?? "", old.spec.driver ?? ""),
    ...immutable("spec.nodeName", next.spec.nodeName, old.spec.nodeName),
  ],
  warnings: ({ spec }) => driverWarnings(spec),
  warningsOnUpdate: ({ spec }) => driverWarnings(spec),
  returnDeletedObject: true,
  selectableFields: {
    "spec.nodeName": ({ spec }) => spec.nodeName ?? "",
    "spec.driver": ({ spec }) => spec.driver ?? "",
  },
  unknownFieldText: (name) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${name}`,
  indexedFields: ["spec.nodeName"],
  tableRow: (slice, now) => [
    nameOf(slice),
    slice.spec.nodeName ?? "",
    slice.spec.driver ?? "",
    slice.spec.pool?.name ?? "",
    age(slice, now),
  ],
};

/** Upstream leaves out what belongs to features that are off by default. */
const alphaDeviceFields = new Set([
  "taints",
  "consumesCounters",
  "nodeName",
  "nodeSelector",
  "allNodes",
  "bindsToNode",
  "bindingConditions",
  "bindingFailureConditions",
  "allowMultipleAllocations",
]);

function withoutAlphaFields(spec: SliceSpec): SliceSpec {
  const { sharedCounters: _, perDeviceNodeSelection: __, devices, ...plain } = spec;
  if (devices === undefined) return plain;
  return {
    ...plain,
    devices: devices.map((device) => {
      const kept = Object.entries(device).filter(([name]) => !alphaDeviceFields.has(name));
      const { capacity } = device;
      const plainDevice: Device = Object.fromEntries(kept);
      if (capacity === undefined) return plainDevice;
      const amounts = Object.entries(capacity).map(([name, { requestPolicy: ___, ...amount }]) => [
        name,
        amount,
      ]);
      return { ...plainDevice, capacity: Object.fromEntries(amounts) };
    }),
  };
}

function driverWarnings({ driver = "" }: SliceSpec): string[] {
  if (driver === driver.toLowerCase()) return [];
  const quoted = JSON.stringify(driver);
  return [`spec.driver: driver names should be lowercase; ${quoted} contains uppercase characters`];
}

function validateSpec(spec: SliceSpec): FieldError[] {
  const { driver = "", pool = {}, devices = [] } = spec;
  const { name = "", generation = 0, resourceSliceCount = 0 } = pool;
  const errors = [...validateDriverName(driver, "spec.driver"), ...validatePool(name, "spec.pool.name")];
  if (resourceSliceCount <= 0) {
    const rule = "must be greater than zero";
    errors.push(field.invalid("spec.pool.resourceSliceCount", resourceSliceCount, rule));
  }
  if (generation < 0) {
    errors.push(field.invalid("spec.pool.generation", generation, "must be greater than or equal to zero"));
  }
  return [
    ...errors,
    ...validateNodes(spec),
    ...validateSet(devices, devicesMax, "spec.devices", (device) => device.name ?? "", validateDevice),
  ];
}

const oneOfFour =
  "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";

/** Who can reach the devices: said in one way. */
function validateNodes({ nodeName, nodeSelector, allNodes }: SliceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const ways: string[] = [];
  if (nodeName === "") {
    const rule = "must be either unset or set to a non-empty string";
    errors.push(field.invalid("spec.nodeName", nodeName, rule));
  } else if (nodeName !== undefined) {
    ways.push("`nodeName`");
    errors.push(...complaints("spec.nodeName", nodeName, dns1123SubdomainErrors(nodeName)));
  }
  if (nodeSelector !== undefined) {
    ways.push("`nodeSelector`");
    errors.push(...validateNodeSelector(nodeSelector, "spec.nodeSelector"));
    const terms = nodeSelector.nodeSelectorTerms ?? [];
    if (terms.length !== 1) {
      const rule = "must have exactly one node selector term";
      const shown = nodeSelector.nodeSelectorTerms ?? null;
      errors.push(field.invalid("spec.nodeSelector.nodeSelectorTerms", shown, rule));
    }
  }
  if (allNodes === false) {
    errors.push(field.invalid("spec.allNodes", false, "must be either unset or set to true"));
  } else if (allNodes === true) ways.push("`allNodes`");
  if (ways.length === 0) errors.push(field.required("spec", oneOfFour));
  if (ways.length > 1) {
    const rule = `${oneOfFour}, but multiple fields are set`;
    errors.push(field.invalid("spec", `{${ways.join(", ")}}`, rule));
  }
  return errors;
}

function validateDevice({ name = "", attributes = {}, capacity = {} }: Device, path: string): FieldError[] {
  const errors = validateLabelName(name, `${path}.name`);
  const count = Object.keys(attributes).length + Object.keys(capacity).length;
  if (count > propertiesMax) {
    const rule = `the total number of attributes and capacities must not exceed ${propertiesMax}`;
    errors.push(field.invalid(path, count, rule));
  }
  for (const [key, attribute] of Object.entries(attributes)) {
    const at = `${path}.attributes[${key}]`;
    errors.push(...validateQualifiedName(key, at), ...validateAttribute(attribute, at));
  }
  for (const key of Object.keys(capacity)) {
    errors.push(...validateQualifiedName(key, `${path}.capacity[${key}]`));
  }
  return errors;
}

const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

/** No pattern meets a long text, which is refused as it is. */
const semanticVersionBytesMax = 1000;

const isSemanticVersion = (value: string): boolean =>
  value.length <= semanticVersionBytesMax && semanticVersion.test(value);

function validateAttribute(attribute: DeviceAttribute, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { string, version } = attribute;
  for (const [part, value] of [
    ["string", string],
    ["version", version],
  ] as const) {
    if (Buffer.byteLength(value ?? "") > attributeBytesMax) {
      errors.push(field.tooLong(`${path}.${part}`, attributeBytesMax));
    }
    if (part === "version" && value !== undefined && !isSemanticVersion(value)) {
      const rule = "must be a string compatible with semver.org spec 2.0.0";
      errors.push(field.invalid(`${path}.version`, value, rule));
    }
  }
  const given = [attribute.bool, attribute.int, string, version].filter((value) => value !== undefined);
  if (given.length === 1) return errors;
  // Upstream prints its internal form.
  const shown = {
    IntValue: attribute.int ?? null,
    BoolValue: attribute.bool ?? null,
    StringValue: string ?? null,
    VersionValue: version ?? null,
  };
  return [
    ...errors,
    field.invalid(path, given.length === 0 ? "" : shown, "exactly one value must be specified"),
  ];
}
