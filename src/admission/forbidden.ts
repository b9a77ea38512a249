import { errors, type StatusError } from "../apimachinery/index.ts";
import type { AdmissionRequest } from "./ports.ts";

/** 403 for the object of a request, named as far as it has a name yet: upstream's admission.NewForbidden. */
export function refused(request: AdmissionRequest, message: string): StatusError {
  const { group, resource } = request.resource;
  const meta = request.object?.metadata;
  const name = request.name || meta?.name || meta?.generateName || "Unknown";
  return errors.forbidden({ group, resource }, name, message);
}
