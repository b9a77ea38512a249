import { type FieldError, field } from "../../apimachinery/index.ts";

type Cel = typeof import("../../cel/index.ts");

/** Bytes of one expression. */
const expressionBytesMax = 10 * 1024;
/** What one may cost at most, told from its types: CELSelectorExpressionMaxCost. */
const costMax = 1_000_000;
let cel: Cel | undefined;

/** Before `deviceExpressionErrors` is called: the room that compiles expressions is loaded with the first object that may have any. */
export async function loadDeviceExpressions(): Promise<undefined> {
  cel ??= await import("../../cel/index.ts");
  return undefined;
}

/** What is wrong with an expression that chooses devices (k8s.io/dynamic-resource-allocation/cel). */
export function deviceExpressionErrors(source: string, path: string): FieldError[] {
  if (Buffer.byteLength(source) > expressionBytesMax) return [field.tooLong(path, expressionBytesMax)];
  if (cel === undefined) throw new Error("expressions about devices are checked before CEL is loaded");
  const { compileTyped, formatType, types, UnusableExpression } = cel;
  try {
    const device = cel.deviceType();
    const environment = new cel.Environment({ device }, {}, { bindings: true });
    const program = compileTyped(source, environment, []);
    if (program.type.kind !== "bool" && program.type.kind !== "dyn") {
      const found = formatType(program.type);
      const wanted = formatType(types.bool);
      return [field.invalid(path, source, `must evaluate to ${wanted} or the unknown type, not ${found}`)];
    }
    const cost = program.costMax((variable) => (variable === "device" ? device : undefined));
    return cost > costMax ? [field.forbidden(path, "too complex, exceeds cost limit")] : [];
  } catch (error) {
    if (!(error instanceof UnusableExpression)) throw error;
    return [field.invalid(path, source, error.message)];
  }
}
