import type { KubeObject } from "../apimachinery/index.ts";
import type { Authorizer } from "../auth/index.ts";
import type { AuthorizationCheck, AuthorizationDecision, Budget, Program, Value } from "../cel/index.ts";
import { isNamespace } from "./matching.ts";
import type { AdmissionRequest } from "./ports.ts";

type Cel = typeof import("../cel/index.ts");

let loading: Promise<Cel> | undefined;

/** The room that runs expressions, loaded with the first of them. */
export function loadCel(): Promise<Cel> {
  loading ??= import("../cel/index.ts");
  return loading;
}

/** Of all expressions of one policy for one request: upstream's RuntimeCELCostBudget. */
export const requestCostMax = 10_000_000;
/** Of its match conditions. */
const conditionsCostMax = requestCostMax / 4;

/** What went wrong with an expression, in upstream's words. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  /** No further expression may run. */
  readonly isFinal: boolean;
  constructor(message: string, isFinal = false) {
    super(message);
    this.isFinal = isFinal;
  }
}

/** A program's value. @throws ExpressionError */
export function run(
  cel: Cel,
  program: { readonly source: string; readonly program: Program },
  variables: Readonly<Record<string, Value | undefined>>,
  budget: Budget,
): Value {
  const limit = Math.min(cel.evaluationCostMax, budget.remaining);
  const own = new cel.Budget(limit);
  const explain = (why: string): ExpressionError =>
    new ExpressionError(`expression '${program.source}' resulted in error: ${why}`);
  try {
    const result = program.program.evaluate(variables, own);
    if (result instanceof cel.Failure) throw explain(result.message);
    return result;
  } catch (error) {
    if (!(error instanceof cel.CostExceeded)) throw error;
    if (limit < cel.evaluationCostMax) {
      const why =
        "validation failed due to running out of cost budget, no further validation rules will be run";
      throw new ExpressionError(why, true);
    }
    throw explain(error.message);
  } finally {
    budget.take(own.spent);
  }
}

/** The variables that expressions about a request may name. */
export function requestVariables(
  cel: Cel,
  request: AdmissionRequest,
  options: {
    readonly authorizer: Authorizer;
    readonly namespace?: KubeObject | undefined;
    readonly params?: KubeObject | null;
  },
): Record<string, Value> {
  const { object, old } = request;
  const authorizer = new cel.AuthorizerValue((check) => authorize(options.authorizer, request, check));
  const { group, resource } = request.resource;
  const { subresource, namespace, name } = request;
  return {
    object: object === undefined ? null : cel.fromJson(typed(object, request)),
    oldObject: old === undefined ? null : cel.fromJson(typed(old, request)),
    request: cel.fromJson(reviewFields(request), cel.admissionRequestType),
    namespaceObject:
      options.namespace === undefined
        ? null
        : cel.fromJson(shownNamespace(options.namespace), cel.namespaceObjectType),
    ...(options.params === undefined ? {} : { params: cel.fromJson(options.params) }),
    authorizer,
    "authorizer.requestResource": new cel.ResourceCheck(authorizer, {
      group,
      resource,
      subresource,
      namespace,
      name,
      fieldSelector: "",
      labelSelector: "",
    }),
  };
}

/** Objects on their way have their kind, whether the client named it or not. */
export function typed(object: KubeObject, { kind }: AdmissionRequest): KubeObject {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  return { ...object, apiVersion, kind: kind.kind };
}

/** The fields of an AdmissionRequest without the objects. */
export function reviewFields(request: AdmissionRequest): Record<string, unknown> {
  const { kind, resource, subresource, name, operation, user, dryRun, options, asked = request } = request;
  const sub = subresource === "" ? {} : { subResource: subresource, requestSubResource: subresource };
  const namespace = isNamespace(request) ? name : request.namespace;
  return {
    kind,
    resource,
    requestKind: asked.kind,
    requestResource: asked.resource,
    ...sub,
    ...(name === "" ? {} : { name }),
    ...(namespace === "" ? {} : { namespace }),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: user.groups,
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    },
    dryRun,
    options: options ?? null,
  };
}

function shownNamespace({ metadata, spec, status }: KubeObject): object {
  const { managedFields: _managed, uid, ...rest } = metadata;
  return { metadata: { ...rest, UID: uid }, spec, status };
}

function authorize(
  authorizer: Authorizer,
  request: AdmissionRequest,
  check: AuthorizationCheck,
): AuthorizationDecision {
  const account = check.serviceAccount;
  const user =
    account === undefined
      ? request.user
      : {
          name: `system:serviceaccount:${account.namespace}:${account.name}`,
          groups: [
            "system:serviceaccounts",
            `system:serviceaccounts:${account.namespace}`,
            "system:authenticated",
          ],
        };
  const { resource, path = "", verb } = check;
  const decision = authorizer.authorize({
    user,
    verb,
    path,
    ...(resource === undefined ? {} : { resource }),
  });
  if (decision instanceof Promise) {
    return {
      allowed: false,
      reason: "",
      error: "what this user may do has to be looked up first: expressions do not wait",
    };
  }
  return decision;
}

export interface Condition {
  readonly source: string;
  readonly program: Program;
}

/**
 * Whether all conditions hold; the first that does not decides, whatever became of the others.
 * @throws ExpressionError where one failed and none said no
 */
export function conditionsHold(
  cel: Cel,
  conditions: readonly Condition[],
  variables: Readonly<Record<string, Value | undefined>>,
): boolean {
  const budget = new cel.Budget(conditionsCostMax);
  const failures: string[] = [];
  for (const condition of conditions) {
    try {
      if (run(cel, condition, variables, budget) === false) return false;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      if (error.isFinal) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length === 0) return true;
  throw new ExpressionError(failures.length === 1 ? (failures[0] as string) : `[${failures.join(", ")}]`);
}
