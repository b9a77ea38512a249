import {
  errors,
  type FieldError,
  field,
  type Json,
  type JsonObject,
  jsonTypeName,
} from "../apimachinery/index.ts";
import type { FieldValidation } from "./decode-body.ts";
import { fieldManagerCharsMax } from "./limits.ts";
import type { Query } from "./request-info.ts";

/** Options of writes: metav1 CreateOptions, UpdateOptions and PatchOptions, which have the same parameters. */
export interface WriteOptions {
  readonly dryRun: boolean;
  /** As given; "" leaves it to the User-Agent. */
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean;
}

type OptionsKind = "CreateOptions" | "UpdateOptions" | "PatchOptions" | "DeleteOptions" | "ListOptions";

function invalidOptions(kind: OptionsKind, problems: readonly FieldError[]): Error {
  return errors.invalid({ group: "meta.k8s.io", kind }, "", problems);
}

/** `patch`: what kind of patch it is, for the rules of apply. @throws StatusError Invalid */
export function writeOptions(query: Query, kind: OptionsKind, patch?: "apply" | "other"): WriteOptions {
  const dryRun = query.all("dryRun");
  const fieldManager = query.get("fieldManager");
  const fieldValidation = query.get("fieldValidation");
  if (
    dryRun.length === 0 &&
    fieldManager === "" &&
    fieldValidation === "" &&
    patch !== "apply" &&
    !query.has("force")
  ) {
    return standard;
  }
  const problems: FieldError[] = [];
  const force = query.has("force");
  if (patch === "apply" && fieldManager === "") {
    problems.push(field.required("fieldManager", "is required for apply patch"));
  }
  if (patch === "other" && force)
    problems.push(field.forbidden("force", "may not be specified for non-apply patch"));
  problems.push(...fieldManagerProblems(fieldManager), ...dryRunProblems(dryRun));
  if (!["", "Ignore", "Warn", "Strict"].includes(fieldValidation)) {
    problems.push(field.notSupported("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]));
  }
  if (problems.length > 0) throw invalidOptions(kind, problems);
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: fieldValidation === "" ? "Warn" : (fieldValidation as FieldValidation),
    force: query.flag("force"),
  };
}

const standard: WriteOptions = { dryRun: false, fieldManager: "", fieldValidation: "Warn", force: false };

function dryRunProblems(dryRun: readonly string[]): FieldError[] {
  if (dryRun.every((value) => value === "All")) return [];
  return [field.notSupported("dryRun", dryRun, ["All"])];
}

function fieldManagerProblems(manager: string): FieldError[] {
  if (Buffer.byteLength(manager) > fieldManagerCharsMax)
    return [field.tooLong("fieldManager", fieldManagerCharsMax)];
  let position = 0;
  for (const character of manager) {
    if (!isPrintable(character)) {
      const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0");
      return [
        field.invalid("fieldManager", manager, `invalid character U+${code} (at position ${position})`),
      ];
    }
    position += Buffer.byteLength(character);
  }
  return [];
}

const allPrintable = /^[ -~]*$/;
const isPrintable = (character: string): boolean => /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);

/** Who owns fields that a request sets: `fieldManager`, or the program's name in the User-Agent. */
export function fieldManagerOf(fieldManager: string, userAgent: string): string {
  if (fieldManager !== "") return fieldManager;
  const slash = userAgent.indexOf("/");
  const program = slash < 0 ? userAgent : userAgent.slice(0, slash);
  // Nearly all programs have such a name, and every request comes by here.
  if (program.length <= fieldManagerCharsMax && allPrintable.test(program)) return program || unknownProgram;
  return [...program].filter(isPrintable).slice(0, fieldManagerCharsMax).join("") || unknownProgram;
}

/** Who writes without a name. */
const unknownProgram = "unknown";

/** metav1.ListOptions as lists, watches and deletecollections use them. */
export interface ListParameters {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: "" | "Exact" | "NotOlderThan";
  /** 0: all. */
  readonly limit: number;
  readonly continue: string;
  readonly timeoutSeconds: number | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

/** @throws StatusError BadRequest, Invalid: k8s.io/apimachinery/pkg/apis/meta/internalversion/validation */
export function listParameters(query: Query, watch: boolean): ListParameters {
  if (query.empty) return listsAll;
  const parameters: ListParameters = {
    labelSelector: query.get("labelSelector"),
    fieldSelector: query.get("fieldSelector"),
    resourceVersion: query.get("resourceVersion"),
    resourceVersionMatch: query.get("resourceVersionMatch") as ListParameters["resourceVersionMatch"],
    limit: Math.max(0, integer(query, "limit") ?? 0),
    continue: query.get("continue"),
    timeoutSeconds: integer(query, "timeoutSeconds"),
    allowWatchBookmarks: query.flag("allowWatchBookmarks"),
    sendInitialEvents: query.has("sendInitialEvents") ? query.flag("sendInitialEvents") : undefined,
  };
  const problems = watch ? watchProblems(parameters) : listProblems(parameters);
  if (problems.length > 0) throw invalidOptions("ListOptions", problems);
  return watch && isFromStart(parameters) ? { ...parameters, sendInitialEvents: true } : parameters;
}

/** A watch from the beginning is one that asks for what there is, also when it does not say so. */
function isFromStart({ resourceVersion, resourceVersionMatch, sendInitialEvents }: ListParameters): boolean {
  return (
    sendInitialEvents === undefined &&
    resourceVersionMatch === "" &&
    (resourceVersion === "" || resourceVersion === "0")
  );
}

const listsAll: ListParameters = {
  labelSelector: "",
  fieldSelector: "",
  resourceVersion: "",
  resourceVersionMatch: "",
  limit: 0,
  continue: "",
  timeoutSeconds: undefined,
  allowWatchBookmarks: false,
  sendInitialEvents: undefined,
};

const matchField = "resourceVersionMatch";

const withContinue = field.forbidden(
  matchField,
  "resourceVersionMatch is forbidden when continue is provided",
);

function watchProblems(parameters: ListParameters): FieldError[] {
  const { resourceVersionMatch: match, sendInitialEvents } = parameters;
  const problems: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
    problems.push(
      field.forbidden(matchField, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    );
  }
  if (match === "") {
    // It asks for a match with that.
    return isFromStart(parameters) && parameters.continue !== "" ? [withContinue] : problems;
  }
  if (sendInitialEvents === undefined) {
    problems.push(
      field.forbidden(
        matchField,
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
      ),
    );
  }
  if (match !== "NotOlderThan") problems.push(field.notSupported(matchField, match, ["NotOlderThan"]));
  if (parameters.continue !== "") problems.push(withContinue);
  return problems;
}

function listProblems(parameters: ListParameters): FieldError[] {
  const { resourceVersionMatch: match, resourceVersion, sendInitialEvents } = parameters;
  const problems = match === "" ? [] : matchProblems(match, resourceVersion, parameters.continue);
  if (sendInitialEvents !== undefined) {
    problems.push(field.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  return problems;
}

function matchProblems(match: string, resourceVersion: string, continued: string): FieldError[] {
  const problems: FieldError[] = [];
  if (resourceVersion === "") {
    problems.push(
      field.forbidden(matchField, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    );
  }
  if (continued !== "") problems.push(withContinue);
  if (match !== "Exact" && match !== "NotOlderThan") {
    // Upstream lists these in this order, not sorted.
    const detail = 'supported values: "Exact", "NotOlderThan", ""';
    problems.push({ type: "FieldValueNotSupported", field: matchField, badValue: match, detail });
  }
  if (match === "Exact" && resourceVersion === "0") {
    problems.push(
      field.forbidden(matchField, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    );
  }
  return problems;
}

/** @throws StatusError BadRequest with strconv's text */
function integer(query: Query, name: string): number | undefined {
  if (!query.has(name)) return undefined;
  const text = query.get(name);
  const quoted = JSON.stringify(text);
  if (!/^[+-]?\d+$/.test(text))
    throw errors.badRequest(`strconv.ParseInt: parsing ${quoted}: invalid syntax`);
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw errors.badRequest(`strconv.ParseInt: parsing ${quoted}: value out of range`);
  return value;
}

/** metav1.DeleteOptions of a body or of the query. */
export interface DeleteParameters {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground";
  readonly orphanDependents?: boolean;
}

/** @throws StatusError BadRequest, Invalid */
export function deleteParametersOf(body: JsonObject): DeleteParameters {
  const { dryRun, gracePeriodSeconds, preconditions, propagationPolicy, orphanDependents } = body;
  return checkedDelete({
    dryRun: textsOr(dryRun, "dryRun"),
    gracePeriodSeconds: numberOr(gracePeriodSeconds, "gracePeriodSeconds"),
    preconditions: preconditionsOf(preconditions),
    propagationPolicy: typeof propagationPolicy === "string" ? propagationPolicy : undefined,
    orphanDependents: typeof orphanDependents === "boolean" ? orphanDependents : undefined,
  });
}

/** Options in the query, for a DELETE without a body. @throws StatusError BadRequest, Invalid */
export function deleteParametersOfQuery(query: Query): DeleteParameters {
  if (query.empty) return { dryRun: false };
  return checkedDelete({
    dryRun: query.all("dryRun"),
    gracePeriodSeconds: integer(query, "gracePeriodSeconds"),
    preconditions: undefined,
    propagationPolicy: query.has("propagationPolicy") ? query.get("propagationPolicy") : undefined,
    orphanDependents: query.has("orphanDependents") ? query.flag("orphanDependents") : undefined,
  });
}

function numberOr(value: Json | undefined, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw errors.badRequest(
    `json: cannot unmarshal ${typeof value} into Go struct field DeleteOptions.${name} of type int64`,
  );
}

function textsOr(value: Json | undefined, name: string): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(String);
  throw errors.badRequest(
    `json: cannot unmarshal ${jsonTypeName(value)} into Go struct field DeleteOptions.${name} of type []string`,
  );
}

function preconditionsOf(value: Json | undefined): DeleteParameters["preconditions"] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { uid, resourceVersion } = value;
  return {
    ...(typeof uid === "string" ? { uid } : {}),
    ...(typeof resourceVersion === "string" ? { resourceVersion } : {}),
  };
}

interface RawDeleteOptions {
  readonly dryRun: readonly string[];
  readonly gracePeriodSeconds: number | undefined;
  readonly preconditions: DeleteParameters["preconditions"];
  readonly propagationPolicy: string | undefined;
  readonly orphanDependents: boolean | undefined;
}

function checkedDelete(raw: RawDeleteOptions): DeleteParameters {
  const { propagationPolicy: policy } = raw;
  const problems: FieldError[] = [];
  if (policy !== undefined && raw.orphanDependents !== undefined) {
    const detail = "orphanDependents and deletionPropagation cannot be both set";
    problems.push(field.invalid("propagationPolicy", policy, detail));
  }
  if (policy !== undefined && !["Foreground", "Background", "Orphan"].includes(policy)) {
    // Upstream lists these in this order, not sorted.
    const detail = 'supported values: "Foreground", "Background", "Orphan", "nil"';
    problems.push({ type: "FieldValueNotSupported", field: "propagationPolicy", badValue: policy, detail });
  }
  problems.push(...dryRunProblems(raw.dryRun));
  if (problems.length > 0) throw invalidOptions("DeleteOptions", problems);
  return {
    dryRun: raw.dryRun.length > 0,
    ...(raw.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: raw.gracePeriodSeconds }),
    ...(raw.preconditions === undefined ? {} : { preconditions: raw.preconditions }),
    ...(policy === undefined ? {} : { propagationPolicy: policy as "Orphan" | "Background" | "Foreground" }),
    ...(raw.orphanDependents === undefined ? {} : { orphanDependents: raw.orphanDependents }),
  };
}
