import type { ApiSettings } from "./settings.ts";

const versions = ["v1", "v1beta1"] as const;

/** Of the reviews that a webhook gets. @throws Error */
export function webhookVersion(settings: ApiSettings, flag: string): (typeof versions)[number] {
  const version = settings.text(flag);
  const known = versions.find((one) => one === version);
  if (known === undefined)
    throw new Error(`--${flag}=${version} is not served: use ${versions.join(" or ")}`);
  return known;
}
