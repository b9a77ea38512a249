/** Devices as expressions that choose some see them (k8s.io/dynamic-resource-allocation/cel): one variable, `device`. */
import { quantityOf } from "./library/quantity.ts";
import { semverOf } from "./library/semver.ts";
import { type CelType, types } from "./types.ts";
import { Failure, fail, keyText, LiteralMap, MapValue, type Value } from "./values.ts";

/** Upstream's limits of what drivers say of a device. */
const domainMax = 63;
const identifierMax = 32;
const driverMax = 63;
const attributeMax = 64;
const attributesMax = 32;

/** Of the variable: attributes and capacities by domain and identifier. */
export function deviceType(): CelType {
  const text = (sizeMax: number) => ({ ...types.string, sizeMax });
  const byName = (value: ReturnType<typeof types.opaque>) => ({
    ...types.map(text(domainMax), {
      ...types.map(text(identifierMax), value),
      sizeMax: attributesMax,
    }),
    sizeMax: attributesMax,
  });
  return types.message("kubernetes.DRADevice", {
    driver: text(driverMax),
    attributes: byName({ ...types.dyn, sizeMax: attributeMax }),
    capacity: byName(types.opaque("kubernetes.Quantity")),
  });
}

export interface DescribedDevice {
  readonly driver: string;
  readonly attributes?: Readonly<
    Record<string, { bool?: boolean; int?: number; string?: string; version?: string }>
  >;
  readonly capacity?: Readonly<Record<string, { value?: string }>>;
}

/** The value of the variable; a Failure where an attribute cannot be read. */
export function deviceValue({ driver, attributes = {}, capacity = {} }: DescribedDevice): Value | Failure {
  const known = new Map<string, Map<string, Value>>();
  for (const [name, attribute] of Object.entries(attributes)) {
    const value = attributeValue(attribute);
    if (value === undefined) return fail(`attribute ${name}: unsupported attribute value`);
    if (value instanceof Failure) return fail(`attribute ${name}: parse semantic version: ${value.message}`);
    put(known, driver, name, value);
  }
  const capacities = new Map<string, Map<string, Value>>();
  for (const [name, { value = "0" }] of Object.entries(capacity)) {
    const amount = quantityOf(value);
    if (amount instanceof Failure) return fail(`capacity ${name}: ${amount.message}`);
    put(capacities, driver, name, amount);
  }
  return mapOf([
    ["driver", driver],
    ["attributes", new DomainMap(known)],
    ["capacity", new DomainMap(capacities)],
  ]);
}

function attributeValue(attribute: {
  bool?: boolean;
  int?: number | bigint;
  string?: string;
  version?: string;
}): Value | Failure | undefined {
  if (attribute.int !== undefined) return BigInt(attribute.int);
  if (attribute.bool !== undefined) return attribute.bool;
  if (attribute.string !== undefined) return attribute.string;
  return attribute.version === undefined ? undefined : semverOf(attribute.version);
}

/** `domain/identifier`, or an identifier in the driver's own domain. */
function put(domains: Map<string, Map<string, Value>>, driver: string, name: string, value: Value): void {
  const slash = name.indexOf("/");
  const domain = slash === -1 ? driver : name.slice(0, slash);
  const values = domains.get(domain) ?? new Map<string, Value>();
  domains.set(domain, values.set(name.slice(slash + 1), value));
}

function mapOf(entries: Iterable<readonly [string, Value]>): LiteralMap {
  return new LiteralMap(
    new Map([...entries].map(([key, value]) => [keyText(key) as string, [key, value] as const])),
  );
}

/** A domain that nobody speaks of is there all the same, and empty. */
class DomainMap extends MapValue {
  readonly #domains: ReadonlyMap<string, LiteralMap>;

  constructor(domains: ReadonlyMap<string, ReadonlyMap<string, Value>>) {
    super();
    this.#domains = new Map([...domains].map(([domain, values]) => [domain, mapOf(values)]));
  }
  get size(): number {
    return this.#domains.size;
  }
  override get(key: Value): Value | undefined {
    return typeof key === "string" ? (this.#domains.get(key) ?? mapOf([])) : undefined;
  }
  override has(key: Value): boolean {
    return typeof key === "string";
  }
  override keys(): readonly Value[] {
    return [...this.#domains.keys()];
  }
}
