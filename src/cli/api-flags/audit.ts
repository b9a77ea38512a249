import type { ApiConfig } from "../../main/index.ts";
import type { ApiSettings } from "./settings.ts";

const mebibyte = 1024 * 1024;

/** What `--audit-*` ask for; nothing where no policy or no place is named. @throws Error in kube-apiserver's words */
export function auditOf(settings: ApiSettings): Pick<ApiConfig, "audit"> {
  requireKnown(settings, "audit-log-format", ["json"]);
  requireKnown(settings, "audit-log-mode", ["batch", "blocking"]);
  requireKnown(settings, "audit-webhook-mode", ["batch"]);
  for (const flag of ["audit-log-version", "audit-webhook-version"])
    requireKnown(settings, flag, ["audit.k8s.io/v1"]);
  for (const flag of ["audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize"])
    if (settings.number(flag) < 0)
      throw new Error(`--${flag} ${settings.number(flag)} can't be a negative number`);
  const policyFile = settings.text("audit-policy-file");
  const path = settings.text("audit-log-path");
  const configFile = settings.text("audit-webhook-config-file");
  // As upstream: without a policy nothing is told, wherever it would go.
  if (policyFile === "" || (path === "" && configFile === "")) return {};
  return {
    audit: {
      policyFile,
      ...(path === "" ? {} : placeOf(settings, path)),
      ...(configFile === "" ? {} : { webhook: webhookOf(settings, configFile) }),
    },
  };
}

function placeOf(settings: ApiSettings, path: string): Partial<NonNullable<ApiConfig["audit"]>> {
  if (path === "-") return { printed: (line) => void process.stdout.write(line) };
  return {
    logFile: {
      path,
      sizeMax: settings.number("audit-log-maxsize") * mebibyte,
      backupsMax: settings.number("audit-log-maxbackup"),
      daysMax: settings.number("audit-log-maxage"),
    },
  };
}

function webhookOf(settings: ApiSettings, configFile: string) {
  return {
    configFile,
    bufferMax: settings.number("audit-webhook-batch-buffer-size"),
    batchMax: settings.number("audit-webhook-batch-max-size"),
    waitMs: settings.duration("audit-webhook-batch-max-wait"),
    requestsPerSecond: settings.boolean("audit-webhook-batch-throttle-enable")
      ? Number(settings.text("audit-webhook-batch-throttle-qps"))
      : 0,
    initialBackoffMs: settings.duration("audit-webhook-initial-backoff"),
  };
}

function requireKnown(settings: ApiSettings, flag: string, known: readonly string[]): void {
  const value = settings.text(flag);
  if (!known.includes(value))
    throw new Error(`--${flag}=${value} is not served here: use ${known.join(" or ")}`);
}
