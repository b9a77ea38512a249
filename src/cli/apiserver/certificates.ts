/** Certificates and keys from the files that flags name. */
import { type ApiPki, ensureServingCertificate } from "../../main/index.ts";
import type { Platform, TlsMaterial } from "../../platform/index.ts";
import { readFlagFile, requestHeaderOf } from "../api-flags/request-header.ts";
import type { ApiSettings } from "../api-flags/settings.ts";

/** @throws Error that names the flag and the file */
export async function certificatesOf(
  settings: ApiSettings,
  platform: Platform,
  names: { readonly serviceAddress: string },
): Promise<ApiPki> {
  const read = (flag: string) => readFlagFile(settings, platform.disk, flag);
  const pair = async (certFlag: string, keyFlag: string): Promise<TlsMaterial | undefined> => {
    const [cert, key] = await Promise.all([read(certFlag), read(keyFlag)]);
    if ((cert === undefined) !== (key === undefined))
      throw new Error(`--${certFlag} and --${keyFlag}: both or neither`);
    return cert === undefined || key === undefined ? undefined : { cert, key };
  };
  const [given, clientCa, kubeletClient, frontProxy, requestHeader] = await Promise.all([
    pair("tls-cert-file", "tls-private-key-file"),
    read("client-ca-file"),
    pair("kubelet-client-certificate", "kubelet-client-key"),
    pair("proxy-client-cert-file", "proxy-client-key-file"),
    requestHeaderOf(settings, platform.disk),
  ]);
  checkAuthorities(clientCa, requestHeader);
  const apiServer = given ?? (await ownCertificate(settings, platform, names));
  return {
    apiServer,
    clientCa,
    kubeletClient,
    frontProxy,
    requestHeader,
    // Controllers run elsewhere, and have their own.
    rootCa: undefined,
    signer: undefined,
    serviceAccountKey: undefined,
  };
}

/** @throws Error where every client with a certificate could speak for everybody else to the aggregated servers */
function checkAuthorities(clientCa: string | undefined, proxies: ApiPki["requestHeader"]): void {
  if (clientCa === undefined || proxies === undefined || proxies.allowedNames.length > 0) return;
  const clients = new Set(certificatesIn(clientCa));
  if (certificatesIn(proxies.ca).some((certificate) => clients.has(certificate)))
    throw new Error(
      "--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; --requestheader-allowed-names must be specified to ensure regular client certificates cannot set authenticating proxy headers for arbitrary users",
    );
}

/** Each certificate of a bundle, without what PEM leaves free. */
const certificatesIn = (bundle: string): string[] =>
  (bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((one) =>
    one.replace(/\s/g, ""),
  );

/** CERT-DIR/apiserver.crt and .key, made where they are missing. */
async function ownCertificate(
  settings: ApiSettings,
  platform: Platform,
  { serviceAddress }: { readonly serviceAddress: string },
): Promise<TlsMaterial> {
  const addresses = [settings.text("bind-address"), settings.text("advertise-address")];
  try {
    return await ensureServingCertificate(platform, settings.text("cert-dir"), {
      hosts: addresses.filter((address) => address !== ""),
      serviceAddress,
    });
  } catch (error) {
    throw new Error(`--cert-dir: ${(error as Error).message}`, { cause: error });
  }
}
