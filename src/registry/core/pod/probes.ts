import {
  type FieldError,
  field,
  type IntOrString,
  portNameErrors,
  portNumberErrors,
} from "../../../apimachinery/index.ts";
import { complaints, nonNegative } from "../../rules/values.ts";
import type { Container, Handler, PodSpec, Probe } from "./types.ts";

/** A port by number or by name. */
export function validatePortReference(port: IntOrString, path: string): FieldError[] {
  return complaints(path, port, typeof port === "number" ? portNumberErrors(port) : portNameErrors(port));
}

/** Probes and life cycle hooks of a container that may have them. */
export function validateProbes(container: Container, spec: PodSpec, path: string): FieldError[] {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  const errors: FieldError[] = [];
  for (const name of ["postStart", "preStop"] as const) {
    const handler = lifecycle?.[name];
    const at = `${path}.lifecycle.${name}`;
    if (handler !== undefined)
      errors.push(...validateHandler(handler, at, spec.terminationGracePeriodSeconds));
  }
  if (livenessProbe !== undefined) {
    errors.push(...validateProbe(livenessProbe, `${path}.livenessProbe`));
    errors.push(...mustSucceedOnce(livenessProbe, `${path}.livenessProbe`));
  }
  if (readinessProbe !== undefined) {
    const at = `${path}.readinessProbe`;
    errors.push(...validateProbe(readinessProbe, at));
    const { terminationGracePeriodSeconds: grace } = readinessProbe;
    if (grace !== undefined) {
      errors.push(
        field.invalid(`${at}.terminationGracePeriodSeconds`, grace, "must not be set for readinessProbes"),
      );
    }
  }
  if (startupProbe !== undefined) {
    errors.push(...validateProbe(startupProbe, `${path}.startupProbe`));
    errors.push(...mustSucceedOnce(startupProbe, `${path}.startupProbe`));
  }
  return errors;
}

function mustSucceedOnce({ successThreshold }: Probe, path: string): FieldError[] {
  if (successThreshold === 1) return [];
  return [field.invalid(`${path}.successThreshold`, successThreshold ?? 0, "must be 1")];
}

function validateProbe(probe: Probe, path: string): FieldError[] {
  const errors = validateHandler(probe, path);
  errors.push(...nonNegative(`${path}.initialDelaySeconds`, probe.initialDelaySeconds));
  errors.push(...nonNegative(`${path}.timeoutSeconds`, probe.timeoutSeconds));
  errors.push(...nonNegative(`${path}.periodSeconds`, probe.periodSeconds));
  errors.push(...nonNegative(`${path}.successThreshold`, probe.successThreshold));
  errors.push(...nonNegative(`${path}.failureThreshold`, probe.failureThreshold));
  const { terminationGracePeriodSeconds: grace } = probe;
  if (grace !== undefined && grace <= 0) {
    errors.push(field.invalid(`${path}.terminationGracePeriodSeconds`, grace, "must be greater than 0"));
  }
  return errors;
}

const kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;

function validateHandler(handler: Handler, path: string, graceSeconds?: number): FieldError[] {
  const given = kinds.filter((kind) => handler[kind] !== undefined);
  const [first, ...others] = given;
  if (first === undefined) return [field.required(path, "must specify a handler type")];
  return [
    ...validateAction(first, handler, `${path}.${first}`, graceSeconds),
    ...others.map((kind) => field.forbidden(`${path}.${kind}`, "may not specify more than 1 handler type")),
  ];
}

function validateAction(
  kind: (typeof kinds)[number],
  handler: Handler,
  path: string,
  graceSeconds: number | undefined,
): FieldError[] {
  switch (kind) {
    case "exec":
      return handler.exec?.command?.length ? [] : [field.required(`${path}.command`, "")];
    case "httpGet":
      return validateHttpGet(handler.httpGet as NonNullable<Handler["httpGet"]>, path);
    case "tcpSocket":
      return validatePortReference(handler.tcpSocket?.port ?? 0, `${path}.port`);
    case "grpc":
      return validatePortReference(handler.grpc?.port ?? 0, `${path}.port`);
    case "sleep": {
      const seconds = handler.sleep?.seconds ?? 0;
      if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
      const rule = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
      return [field.invalid(path, seconds, rule)];
    }
  }
}

const schemes = ["HTTP", "HTTPS"];

function validateHttpGet(action: NonNullable<Handler["httpGet"]>, path: string): FieldError[] {
  const errors = action.path ? [] : [field.required(`${path}.path`, "")];
  errors.push(...validatePortReference(action.port, `${path}.port`));
  const { scheme = "" } = action;
  if (!schemes.includes(scheme)) errors.push(field.notSupported(`${path}.scheme`, scheme, schemes));
  action.httpHeaders?.forEach(({ name }) => {
    if (/^[-A-Za-z0-9]+$/.test(name)) return;
    const rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    const detail = `${rule} (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`;
    errors.push(field.invalid(`${path}.httpHeaders`, name, detail));
  });
  return errors;
}
