import type { AccessRequest } from "../../auth/index.ts";

type Cel = typeof import("../../cel/index.ts");

/**
 * Whether a webhook is asked about a request: all its match conditions hold (CEL over `request`, a SubjectAccessReview's spec). The first that does
 * not decides, whatever became of the others.
 * @throws Error that names the field of an expression that cannot be compiled
 */
export async function matchConditions(
  expressions: readonly string[],
  path: string,
): Promise<((request: AccessRequest) => boolean) | undefined> {
  if (expressions.length === 0) return undefined;
  const cel = await import("../../cel/index.ts");
  const environment = new cel.Environment({ request: specType(cel) });
  const programs = expressions.map((source, i) => ({ source, program: compiled(source, i) }));

  function compiled(source: string, i: number) {
    try {
      const program = cel.compile(source, environment);
      const type = cel.formatType(program.type);
      if (type !== "bool") throw new Error(`must evaluate to bool but got ${type}`);
      return program;
    } catch (error) {
      const detail =
        error instanceof cel.CompileError
          ? `compilation failed: ${error.message}`
          : String((error as Error).message);
      throw new Error(`${path}[${i}].expression: Invalid value: ${JSON.stringify(source)}: ${detail}`);
    }
  }

  return (request) => {
    const variables = { request: cel.fromJson(specOf(request), specType(cel)) };
    const failures: string[] = [];
    for (const { source, program } of programs) {
      const failed = (why: string) =>
        failures.push(`cel evaluation error: expression '${source}' resulted in error: ${why}`);
      try {
        const result = program.evaluate(variables, new cel.Budget(cel.evaluationCostMax));
        if (result instanceof cel.Failure) failed(result.message);
        else if (result === false) return false;
      } catch (error) {
        if (!(error instanceof cel.CostExceeded)) throw error;
        failed(error.message);
      }
    }
    if (failures.length === 0) return true;
    throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(", ")}]`);
  };
}

function specType({ types }: Cel) {
  const texts = (...names: string[]) => Object.fromEntries(names.map((name) => [name, types.string]));
  return types.message("kubernetes.SubjectAccessReviewSpec", {
    resourceAttributes: types.message(
      "kubernetes.ResourceAttributes",
      texts("namespace", "verb", "group", "version", "resource", "subresource", "name"),
    ),
    nonResourceAttributes: types.message("kubernetes.NonResourceAttributes", texts("path", "verb")),
    user: types.string,
    groups: types.list(types.string),
    extra: types.map(types.string, types.list(types.string)),
    uid: types.string,
  });
}

/** With every text, empty ones too. */
function specOf({ user, verb, path, version = "", resource }: AccessRequest): object {
  return {
    user: user.name,
    groups: user.groups,
    uid: user.uid ?? "",
    extra: user.extra ?? {},
    ...(resource === undefined
      ? { nonResourceAttributes: { path, verb } }
      : { resourceAttributes: { ...resource, verb, version } }),
  };
}
