import {
  deepEqual,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  type KubeObject,
  pathSegmentErrors,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";
import { complaints, fieldIsImmutable, immutable } from "../rules/values.ts";
import { ofAnyKind, type StrategySource } from "../strategies.ts";
import type { Strategy } from "../strategy.ts";
import { nameOf, since, unknown } from "../tables/cells.ts";

/** As it is stored: core/v1, whichever group it came through. */
interface Event extends KubeObject {
  involvedObject?: {
    kind?: string;
    namespace?: string;
    name?: string;
    uid?: string;
    apiVersion?: string;
    resourceVersion?: string;
    fieldPath?: string;
  };
  reason?: string;
  message?: string;
  source?: { component?: string; host?: string };
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  count?: number;
  type?: string;
  eventTime?: string | null;
  series?: { count?: number; lastObservedTime?: string | null };
  action?: string;
  related?: KubeObject;
  reportingComponent?: string;
  reportingInstance?: string;
}

const labelCharsMax = 128;
const noteCharsMax = 1024;

/** Events of the core group: checked as loosely as they always were. */
export const coreEventStrategy: StrategySource = ({ flags }) =>
  eventStrategy({ ttlSeconds: flags.eventTtlSeconds, strict: false });

/** Events of events.k8s.io: the same objects in another dress, checked strictly. */
export const eventsEventStrategy: StrategySource = ({ flags }) =>
  eventStrategy({ ttlSeconds: flags.eventTtlSeconds, strict: true });

function eventStrategy({ ttlSeconds, strict }: { ttlSeconds: number; strict: boolean }): Strategy {
  const controllerField = strict ? "reportingController" : "reportingComponent";
  const strategy: Strategy<Event> = {
    namespaced: true,
    metadataOnUpdate: strict ? ["changes"] : [],
    // Upstream checks the metadata of a core event nowhere else.
    ...(strict ? {} : { anyFinalizer: true, validateName: pathSegmentErrors }),
    allowCreateOnUpdate: true,
    validate: (event) => [
      ...validateLegacy(event, controllerField),
      ...(strict ? validateStrict(event) : []),
    ],
    validateUpdate: (next, old) => [
      ...validateLegacy(next, controllerField),
      ...(strict ? validateStrictUpdate(next, old) : []),
    ],
    ttlSeconds: () => ttlSeconds,
    selectableFields: selectableFields({ strict }),
    tableRow,
  };
  return ofAnyKind(strategy);
}

/** Both groups select by the same fields, each by its own names; events.k8s.io has no `source`. */
function selectableFields({ strict }: { strict: boolean }): NonNullable<Strategy<Event>["selectableFields"]> {
  const about = strict ? "regarding" : "involvedObject";
  const reporter = (event: Event): string => event.reportingComponent ?? "";
  return {
    [`${about}.kind`]: (event) => event.involvedObject?.kind ?? "",
    [`${about}.namespace`]: (event) => event.involvedObject?.namespace ?? "",
    [`${about}.name`]: (event) => event.involvedObject?.name ?? "",
    [`${about}.uid`]: (event) => event.involvedObject?.uid ?? "",
    [`${about}.apiVersion`]: (event) => event.involvedObject?.apiVersion ?? "",
    [`${about}.resourceVersion`]: (event) => event.involvedObject?.resourceVersion ?? "",
    [`${about}.fieldPath`]: (event) => event.involvedObject?.fieldPath ?? "",
    reason: (event) => event.reason ?? "",
    ...(strict
      ? { reportingController: reporter }
      : { reportingComponent: reporter, source: (event) => event.source?.component || reporter(event) }),
    type: (event) => event.type ?? "",
  };
}

function validateLegacy(event: Event, controllerField: string): FieldError[] {
  const namespace = event.metadata.namespace ?? "";
  const errors = event.eventTime
    ? validateNewStyle(event, controllerField)
    : validateInvolvedNamespace(event, namespace);
  errors.push(...complaints("namespace", namespace, dns1123SubdomainErrors(namespace)));
  return errors;
}

function validateInvolvedNamespace({ involvedObject }: Event, namespace: string): FieldError[] {
  const involved = involvedObject?.namespace ?? "";
  // Objects without a namespace are reported in "default".
  const agrees = involved === "" ? namespace === "default" : involved === namespace;
  if (agrees) return [];
  return [field.invalid("involvedObject.namespace", involved, "does not match event.namespace")];
}

function validateNewStyle(event: Event, controllerField: string): FieldError[] {
  const { reportingComponent = "", reportingInstance = "", action = "", reason = "", message = "" } = event;
  const namespace = event.metadata.namespace ?? "";
  const involved = event.involvedObject?.namespace ?? "";
  const errors: FieldError[] = [];
  if (involved === "" && namespace !== "default" && namespace !== "kube-system") {
    errors.push(field.invalid("involvedObject.namespace", involved, "does not match event.namespace"));
  }
  if (reportingComponent === "") errors.push(field.required(controllerField, ""));
  errors.push(...complaints(controllerField, reportingComponent, qualifiedNameErrors(reportingComponent)));
  errors.push(...requiredUpTo("reportingInstance", reportingInstance, labelCharsMax));
  errors.push(...requiredUpTo("action", action, labelCharsMax));
  errors.push(...requiredUpTo("reason", reason, labelCharsMax));
  if (message.length > noteCharsMax) errors.push(atMost("message", noteCharsMax));
  return errors;
}

function requiredUpTo(path: string, value: string, max: number): FieldError[] {
  if (value === "") return [field.required(path, "")];
  return value.length > max ? [atMost(path, max)] : [];
}

const atMost = (path: string, max: number): FieldError =>
  field.invalid(path, "", `can have at most ${max} characters`);

function validateSeries({ series }: Event): FieldError[] {
  const errors: FieldError[] = [];
  if (series === undefined) return errors;
  if ((series.count ?? 0) < 2) errors.push(field.invalid("series.count", "", "should be at least 2"));
  if (!series.lastObservedTime) errors.push(field.required("series.lastObservedTime", ""));
  return errors;
}

function validateStrict(event: Event): FieldError[] {
  const errors = validateSeries(event);
  if (!event.eventTime) errors.push(field.required("eventTime", ""));
  if (event.type !== "Normal" && event.type !== "Warning") {
    errors.push(field.invalid("type", "", `has invalid value: ${event.type ?? ""}`));
  }
  const unset = (path: string): void => void errors.push(field.invalid(path, "", "needs to be unset"));
  if (event.firstTimestamp) unset("firstTimestamp");
  if (event.lastTimestamp) unset("lastTimestamp");
  if (event.count) unset("count");
  if (event.source?.component || event.source?.host) unset("deprecatedSource");
  return errors;
}

/** Only the series and the metadata may change. The reason is told twice, as upstream does. */
const frozenFields = [
  "involvedObject",
  "reason",
  "message",
  "source",
  "firstTimestamp",
  "lastTimestamp",
  "count",
  "reason",
  "type",
  "eventTime",
  "action",
  "related",
  "reportingComponent",
  "reportingInstance",
] as const;

const structForms: ReadonlyMap<string, "ObjectReference" | "EventSource"> = new Map([
  ["involvedObject", "ObjectReference"],
  ["related", "ObjectReference"],
  ["source", "EventSource"],
]);

function validateStrictUpdate(next: Event, old: Event): FieldError[] {
  const errors = immutable("series", next.series, old.series).length > 0 ? validateSeries(next) : [];
  for (const name of frozenFields) {
    const path = name === "reportingComponent" ? "reportingController" : name;
    const value = next[name];
    if (deepEqual(value ?? zeroOf(name), old[name] ?? zeroOf(name))) continue;
    const form = structForms.get(name);
    const shown =
      form === undefined || value === undefined
        ? (value ?? zeroOf(name))
        : internalForm(form, value as object);
    errors.push(field.invalid(path, shown, fieldIsImmutable));
  }
  return errors;
}

/** What Go has where nothing was given. */
function zeroOf(name: (typeof frozenFields)[number]): string | number | null {
  if (name === "count") return 0;
  return /^(reason|message|type|action|reporting)/.test(name) ? "" : null;
}

function tableRow(event: Event, now: number) {
  const first = event.firstTimestamp ? since(event.firstTimestamp, now) : since(event.eventTime, now);
  const seen = event.series?.lastObservedTime ?? event.lastTimestamp;
  const { kind = "", name = "", fieldPath = "" } = event.involvedObject ?? {};
  const target = name === "" ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
  return [
    seen ? since(seen, now) : first,
    event.type ?? "",
    event.reason ?? "",
    target,
    fieldPath,
    sourceCell(event),
    (event.message ?? "").trim(),
    first === "" ? unknown : first,
    event.series?.count ?? (event.count || 1),
    nameOf(event),
  ];
}

function sourceCell({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || "";
  const instance = source?.host || reportingInstance || "";
  return instance === "" ? component : `${component}, ${instance}`;
}
