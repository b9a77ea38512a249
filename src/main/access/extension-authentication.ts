/**
 * The ConfigMap `kube-system/extension-apiserver-authentication`, by which aggregated API servers learn whom to believe: clients with a
 * certificate of this cluster, and this cluster's API server when it asks on behalf of somebody. Several API servers on one store may have
 * authorities of their own: each adds what is its own.
 */
import { deepEqual } from "../../apimachinery/index.ts";
import type { RequestHeaderTrust } from "../../auth/index.ts";
import { createIn, type EnsureOptions, ensure } from "../start-objects/ensure.ts";

const configMaps = { group: "", version: "v1", resource: "configmaps", namespace: "kube-system" };
const name = "extension-apiserver-authentication";

/** Tries until it is there or the signal fires. */
export function ensureExtensionAuthentication(
  options: EnsureOptions & {
    readonly clientCa: string | undefined;
    readonly requestHeader: RequestHeaderTrust | undefined;
  },
): Promise<void> {
  const { client, clientCa, requestHeader } = options;
  return ensure(options, "what aggregated servers need to know is", async () => {
    const { items } = await client.list(configMaps, { fieldSelector: `metadata.name=${name}` });
    const [present] = items;
    const before: Readonly<Record<string, string>> = present?.["data"] ?? {};
    const data: Record<string, string> = {
      ...before,
      ...(clientCa !== undefined && {
        "client-ca-file": withCertificates(before["client-ca-file"], clientCa),
      }),
      ...(requestHeader !== undefined && requestHeaderData(before, requestHeader)),
    };
    if (present === undefined) await createIn(client, configMaps, { metadata: { name }, data });
    else if (!deepEqual(data, before)) await client.update(configMaps, { ...present, data });
  });
}

function requestHeaderData(
  before: Readonly<Record<string, string>>,
  trust: RequestHeaderTrust,
): Record<string, string> {
  const lists = {
    "requestheader-allowed-names": trust.allowedNames,
    "requestheader-extra-headers-prefix": trust.extraHeaderPrefixes,
    "requestheader-group-headers": trust.groupHeaders,
    "requestheader-uid-headers": trust.uidHeaders,
    "requestheader-username-headers": trust.usernameHeaders,
  };
  // Upstream says nothing of these where there are none.
  const told = Object.entries(lists).filter(
    ([key, values]) => key !== "requestheader-uid-headers" || values.length > 0,
  );
  const all = told.map(([key, values]) => {
    const known: unknown = JSON.parse(before[key] ?? "[]");
    return [key, JSON.stringify([...new Set([...(Array.isArray(known) ? known : []), ...values])])];
  });
  const key = "requestheader-client-ca-file";
  return { ...Object.fromEntries(all), [key]: withCertificates(before[key], trust.ca) };
}

/** A bundle that has these certificates, too. */
function withCertificates(bundle = "", added: string): string {
  const missing = certificatesOf(added).filter((certificate) => !bundle.includes(certificate.trim()));
  return missing.length === 0 ? bundle : [...certificatesOf(bundle), ...missing].join("");
}

const certificatesOf = (bundle: string): string[] =>
  (bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((one) => `${one}\n`);
