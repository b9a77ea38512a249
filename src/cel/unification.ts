import { type CelType, isDyn, sameType, types } from "./types.ts";

/** What the type parameters of an expression stand for, as far as it is known. */
export class Substitution {
  #bound: Map<string, CelType>;

  constructor(bound: ReadonlyMap<string, CelType> = new Map()) {
    this.#bound = new Map(bound);
  }

  /** Whether values of all `actual` types may be given where `wanted` are expected; binds parameters only if so. */
  assign(actual: readonly CelType[], wanted: readonly CelType[]): boolean {
    const before = new Map(this.#bound);
    if (this.#assignableAll(actual, wanted)) return true;
    this.#bound = before;
    return false;
  }

  /** Parameters replaced by what they stand for; unbound ones by dyn if `unboundIsDyn`. */
  resolve(type: CelType, unboundIsDyn = false): CelType {
    if (type.kind === "param") {
      const bound = this.#bound.get(type.name);
      if (bound !== undefined) return this.resolve(bound, unboundIsDyn);
      return unboundIsDyn ? types.dyn : type;
    }
    if (type.params.length === 0) return type;
    return { ...type, params: type.params.map((param) => this.resolve(param, unboundIsDyn)) };
  }

  #assignableAll(a: readonly CelType[], b: readonly CelType[]): boolean {
    return a.length === b.length && a.every((type, index) => this.#assignable(type, b[index] as CelType));
  }

  #assignable(a: CelType, b: CelType): boolean {
    if (b.kind === "param") {
      const { isValid, wasBound } = this.#bind(a, b);
      if (isValid) return true;
      if (wasBound) return false;
    }
    if (a.kind === "param") return this.#bind(b, a).isValid;
    if (isDyn(a) || isDyn(b)) return true;
    if (a.kind === "null") return isNullable(b);
    if (b.kind === "null") return isNullable(a);
    switch (a.kind) {
      case "type":
        return b.kind === "type";
      case "opaque":
      case "list":
      case "map":
        return a.kind === b.kind && a.name === b.name && this.#assignableAll(a.params, b.params);
      default:
        return a.kind === b.kind && a.name === b.name;
    }
  }

  #bind(type: CelType, param: CelType): { isValid: boolean; wasBound: boolean } {
    if (sameType(type, param)) return { isValid: true, wasBound: true };
    const bound = this.#bound.get(param.name);
    if (bound !== undefined) {
      if (sameType(type, bound)) return { isValid: true, wasBound: true };
      if (!this.#assignable(type, bound)) return { isValid: false, wasBound: true };
      const wider = mostGeneral(type, bound);
      if (!this.#occurs(param, wider)) this.#bound.set(param.name, wider);
      return { isValid: true, wasBound: true };
    }
    if (this.#occurs(param, type)) return { isValid: false, wasBound: false };
    this.#bound.set(param.name, type);
    return { isValid: true, wasBound: false };
  }

  #occurs(param: CelType, within: CelType): boolean {
    if (sameType(param, within)) return true;
    if (within.kind === "param") {
      const bound = this.#bound.get(within.name);
      return bound !== undefined && this.#occurs(param, bound);
    }
    return within.params.some((inner) => this.#occurs(param, inner));
  }
}

/** Of two types that fit each other the one that says less. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isEqualOrLessSpecific(a, b) ? a : b;
}

function isEqualOrLessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === "param") return true;
  if (isDyn(b) || b.kind === "param") return false;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "opaque":
    case "list":
    case "map":
      return (
        a.name === b.name &&
        a.params.length === b.params.length &&
        a.params.every((param, index) => isEqualOrLessSpecific(param, b.params[index] as CelType))
      );
    case "type":
      return true;
    default:
      return sameType(a, b);
  }
}

function isNullable(type: CelType): boolean {
  return ["null", "opaque", "message", "duration", "timestamp"].includes(type.kind);
}
