import type { GroupVersionKind } from "../../apimachinery/index.ts";
import type { CelType, Environment } from "../../cel/index.ts";
import type { PublishedApi } from "./published-api.ts";

type Cel = typeof import("../../cel/index.ts");

/** The parts of a ValidatingAdmissionPolicy that are checked. */
export interface CheckedPolicy {
  readonly spec: {
    readonly paramKind?: { readonly apiVersion: string; readonly kind: string };
    readonly matchConstraints?: { readonly resourceRules?: readonly ResourceRule[] };
    readonly variables?: readonly { readonly name: string; readonly expression: string }[];
    readonly validations?: readonly { readonly expression: string; readonly messageExpression?: string }[];
  };
}

interface ResourceRule {
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
}

interface ExpressionWarning {
  readonly fieldRef: string;
  readonly warning: string;
}

/** Of more kinds nothing is said. */
const kindsMax = 10;

interface CheckedKind {
  readonly name: string;
  readonly environment: Environment;
}

/**
 * What is wrong with a policy's expressions for one of the kinds that its rules name (k8s.io/apiserver/pkg/admission/plugin/policy/validating
 * typechecking.go). Rules with wildcards name none, and a kind without a published schema is not checked.
 */
export async function expressionWarnings(
  { spec }: CheckedPolicy,
  api: PublishedApi,
): Promise<readonly ExpressionWarning[]> {
  const kinds = await kindsOf(spec.matchConstraints?.resourceRules ?? [], api);
  if (kinds.length === 0) return [];
  const cel = await import("../../cel/index.ts");
  const paramsType = await typeOf(cel, paramKindOf(spec.paramKind), api);
  const checked: CheckedKind[] = [];
  for (const kind of kinds) {
    const object = await typeOf(cel, kind, api);
    if (object === undefined) continue;
    const environment = environmentOf(cel, spec.variables ?? [], { object, paramsType });
    checked.push({ name: textOf(kind), environment });
  }
  const warnings: ExpressionWarning[] = [];
  const check = (fieldRef: string, source: string): void => {
    const problems = checked.flatMap(({ name, environment }) => {
      const problem = problemOf(cel, source, environment);
      return problem === undefined ? [] : [`${name}: ${problem}\n`];
    });
    if (problems.length > 0) warnings.push({ fieldRef, warning: problems.join("\n") });
  };
  for (const [i, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    check(`spec.validations[${i}].expression`, expression);
    if (messageExpression) check(`spec.validations[${i}].messageExpression`, messageExpression);
  }
  return warnings;
}

/** In the order of their groups, versions and names. */
async function kindsOf(rules: readonly ResourceRule[], api: PublishedApi): Promise<GroupVersionKind[]> {
  const found = new Map<string, GroupVersionKind>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    for (const group of withoutWildcards(apiGroups)) {
      for (const version of withoutWildcards(apiVersions)) {
        for (const resource of withoutWildcards(resources)) {
          if (found.size === kindsMax) break;
          const kind = resource.includes("/") ? undefined : await api.kindOf({ group, version }, resource);
          if (kind !== undefined) found.set(textOf(kind), kind);
        }
      }
    }
  }
  const order = ({ group, version, kind }: GroupVersionKind): string => [group, version, kind].join("\0");
  return [...found.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const withoutWildcards = (names: readonly string[]): string[] =>
  names.filter((name) => !name.includes("*")).sort();

/** `apps/v1, Kind=Deployment`, as upstream's GroupVersionKind prints itself. */
const textOf = ({ group, version, kind }: GroupVersionKind): string => `${group}/${version}, Kind=${kind}`;

function paramKindOf(params: CheckedPolicy["spec"]["paramKind"]): GroupVersionKind | undefined {
  if (params === undefined) return undefined;
  const [version = "", group = ""] = params.apiVersion.split("/").reverse();
  return { group, version, kind: params.kind };
}

async function typeOf(
  cel: Cel,
  kind: GroupVersionKind | undefined,
  api: PublishedApi,
): Promise<CelType | undefined> {
  const schema = kind && (await api.schemaOf(kind));
  return schema && cel.typeOfSchema(schema, { isResource: true });
}

/** Each variable is seen by those after it; one that does not compile may be anything. */
function environmentOf(
  cel: Cel,
  variables: readonly { readonly name: string; readonly expression: string }[],
  { object, paramsType }: { object: CelType; paramsType: CelType | undefined },
): Environment {
  const known: Record<string, CelType> = {};
  const environment = (): Environment =>
    cel.admissionEnvironment({
      object,
      params: paramsType !== undefined,
      ...(paramsType && { paramsType }),
      authorizer: true,
      variables: { ...known },
    });
  for (const { name, expression } of variables) {
    known[name] = typeOrDynamic(cel, expression, environment());
  }
  return environment();
}

function typeOrDynamic(cel: Cel, source: string, environment: Environment): CelType {
  try {
    return cel.compile(source, environment).type;
  } catch (error) {
    if (error instanceof cel.CompileError || error instanceof cel.InstantiationError) return cel.types.dyn;
    throw error;
  }
}

function problemOf(cel: Cel, source: string, environment: Environment): string | undefined {
  try {
    cel.compile(source, environment);
    return undefined;
  } catch (error) {
    if (error instanceof cel.CompileError) return error.message;
    if (error instanceof cel.InstantiationError) return `type checking error: ${error.message}`;
    throw error;
  }
}
