import type { ApiConfig } from "../../main/index.ts";
import { accessOf } from "./access.ts";
import { auditOf } from "./audit.ts";
import type { ApiSettings } from "./settings.ts";

const portMax = 65_535;

/** What the shared flags say of how the resource API is served. @throws Error in kube-apiserver's words */
export function servedAs(settings: ApiSettings): Partial<ApiConfig> {
  return {
    access: accessOf(settings),
    inFlight: {
      reads: limitOf(settings, "max-requests-inflight"),
      writes: limitOf(settings, "max-mutating-requests-inflight"),
    },
    serviceNodePortRange: portRange(settings.text("service-node-port-range")),
    eventTtlSeconds: Math.round(settings.duration("event-ttl") / 1000),
    ...auditOf(settings),
    ...fileOf(settings, "admission-control-config-file", "admissionConfigFile"),
    ...fileOf(settings, "encryption-provider-config", "encryptionProviderConfigFile"),
    admission: {
      enable: settings.list("enable-admission-plugins"),
      disable: settings.list("disable-admission-plugins"),
      tolerationSeconds: {
        notReady: settings.number("default-not-ready-toleration-seconds"),
        unreachable: settings.number("default-unreachable-toleration-seconds"),
      },
    },
  };
}

function fileOf<Name extends keyof ApiConfig>(
  settings: ApiSettings,
  flag: string,
  name: Name,
): { readonly [key in Name]?: string } {
  const path = settings.text(flag);
  return path === "" ? {} : ({ [name]: path } as { readonly [key in Name]?: string });
}

/** 0: no limit. @throws Error */
function limitOf(settings: ApiSettings, flag: string): number {
  const limit = settings.number(flag);
  if (limit < 0) throw new Error(`--${flag} can not be negative value`);
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

/** @throws Error */
function portRange(text: string): { from: number; to: number } {
  const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  if (from === undefined || range.from > range.to || range.to > portMax || range.from < 1)
    throw new Error(
      `invalid argument ${JSON.stringify(text)} for "--service-node-port-range" flag: ports such as 30000-32767 were expected`,
    );
  return range;
}
