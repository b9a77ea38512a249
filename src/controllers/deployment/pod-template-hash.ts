import { binaryExponents, decimalExponents } from "../../apimachinery/index.ts";
import { utf8 } from "../../base/index.ts";
import { podTemplateLayout, stringTypes } from "./pod-template-layout.ts";

/**
 * The label `pod-template-hash`: FNV-1a (32 bits) over the template as Go's go-spew prints it with types and sorted maps
 * (k8s.io/kubernetes/pkg/util/hash), written with the letters of safe names. The same template gets the same hash as from
 * upstream's controller, so ReplicaSets made there are found again here.
 */
export function podTemplateHash(template: unknown, collisionCount: number | undefined): string {
  let hash = fnvOffset;
  for (const byte of utf8(`(v1.PodTemplateSpec)${goText("PodTemplateSpec", template)}`))
    hash = Math.imul(hash ^ byte, fnvPrime);
  if (collisionCount !== undefined) {
    // Eight bytes of which Go's PutUint32 fills the first four.
    for (let i = 0; i < 8; i++) {
      hash = Math.imul(hash ^ (i < 4 ? (collisionCount >>> (8 * i)) & 0xff : 0), fnvPrime);
    }
  }
  return safeEncode(String(hash >>> 0));
}

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** Letters and digits that make no words: k8s.io/apimachinery/pkg/util/rand. */
const safeLetters = "bcdfghjklmnpqrstvwxz2456789";

/** rand.SafeEncodeString: every byte replaced by one of the safe letters. */
export function safeEncode(text: string): string {
  let safe = "";
  for (const byte of utf8(text)) safe += safeLetters[byte % safeLetters.length];
  return safe;
}

interface GoField {
  readonly name: string;
  /** Undefined for an embedded struct. */
  readonly json: string | undefined;
  readonly type: string;
}

let structs: Map<string, readonly GoField[]> | undefined;

/** Read from the layout when the first hash is asked for. */
function structFields(name: string): readonly GoField[] | undefined {
  if (structs === undefined) {
    structs = new Map();
    for (const line of podTemplateLayout.trim().split("\n")) {
      const colon = line.indexOf(": ");
      structs.set(
        line.slice(0, colon),
        line
          .slice(colon + 2)
          .split(", ")
          .map(parseField),
      );
    }
  }
  return structs.get(name);
}

function parseField(text: string): GoField {
  const [head, type] = text.split(" ") as [string, string];
  if (head.endsWith("+")) return { name: head.slice(0, -1), json: undefined, type };
  const [name, json] = head.split("=") as [string, string | undefined];
  return { name, json: json ?? lowerCamel(name), type };
}

/** `DNSPolicy` → `dnsPolicy`, `HostIP` → `hostIP`, `UID` → `uid`. */
function lowerCamel(name: string): string {
  const capitals = /^[A-Z]+/.exec(name)?.[0].length ?? 0;
  if (capitals === name.length) return name.toLowerCase();
  const lowered = capitals <= 1 ? capitals : capitals - 1;
  return name.slice(0, lowered).toLowerCase() + name.slice(lowered);
}

/** The name that reflect gives a type. */
function goTypeName(type: string): string {
  const wrapped = /^(\*|\[\]|map\[\w+\])(.*)$/.exec(type);
  if (wrapped !== null) return (wrapped[1] as string) + goTypeName(wrapped[2] as string);
  return /^[a-z]/.test(type) ? type : `v1.${type}`;
}

/** A value without its type in front. Absent and empty are the same to the protobuf that upstream reads: both are nil. */
function goText(type: string, value: unknown): string {
  if (type.startsWith("[]")) return goList(type.slice(2), value);
  if (type.startsWith("map[")) return goMap(type.slice(type.indexOf("]") + 1), value);
  switch (type) {
    case "ResourceList":
      return goMap("resource.Quantity", value);
    case "resource.Quantity":
      return goQuantity(String(value));
    case "intstr.IntOrString":
      return goIntOrString(value);
    case "Time":
      return "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}";
    case "types.UID":
    case "string":
      return String(value ?? "");
    case "bool":
      return value === true ? "true" : "false";
    case "int32":
    case "int64":
      return String(value ?? 0);
    default:
      return stringTypes.has(type) ? String(value ?? "") : goStruct(type, value);
  }
}

function goStruct(type: string, value: unknown): string {
  const object = (value ?? {}) as Record<string, unknown>;
  const members = (structFields(type) ?? []).map((field) => {
    const head = `${field.name}:(${goTypeName(field.type)})`;
    const member = field.json === undefined ? object : object[field.json];
    if (!field.type.startsWith("*")) return head + goText(field.type, member);
    return head + (member === undefined || member === null ? "<nil>" : goText(field.type.slice(1), member));
  });
  return `{${members.join(" ")}}`;
}

function goList(itemType: string, value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return "<nil>";
  return `[${value.map((item) => goText(itemType, item)).join(" ")}]`;
}

function goMap(valueType: string, value: unknown): string {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  if (entries.length === 0) return "<nil>";
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${goText(valueType, item)}`).join(" ")}]`;
}

function goIntOrString(value: unknown): string {
  return typeof value === "string"
    ? `{Type:(intstr.Type)1 IntVal:(int32)0 StrVal:(string)${value}}`
    : `{Type:(intstr.Type)0 IntVal:(int32)${Number(value ?? 0)} StrVal:(string)}`;
}

/**
 * resource.Quantity as ParseQuantity leaves it for a canonical text: an int64 with a decimal scale, and the text itself
 * where Go keeps it for reuse.
 */
function goQuantity(quantity: string): string {
  const parts = /^(-?)(\d+)(?:([eE])([+-]?\d+)|([a-zA-Z]*))$/.exec(quantity);
  const digits = (parts?.[2] ?? "0").replace(/^0+(?=\d)/, "");
  const suffix = parts?.[5] ?? "";
  const binary = binaryExponents[suffix];
  let value = BigInt(digits);
  let scale = 0;
  let format = "DecimalSI";
  let reused: boolean;
  if (binary !== undefined) {
    format = "BinarySI";
    reused = (value & 7n) !== 0n;
    value <<= BigInt(binary);
  } else {
    if (parts?.[3] !== undefined) {
      format = "DecimalExponent";
      scale = Number(parts[4]);
    } else scale = decimalExponents[suffix] ?? 0;
    reused = quantity === "0" || (scale % 3 === 0 && !digits.endsWith("000") && !digits.startsWith("0"));
  }
  if (parts?.[1] === "-") value = -value;
  return (
    `{i:(resource.int64Amount){value:(int64)${value} scale:(resource.Scale)${scale}} ` +
    `d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)${reused ? quantity : ""} Format:(resource.Format)${format}}`
  );
}
