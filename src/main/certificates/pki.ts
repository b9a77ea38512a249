/**
 * The certificates of a cluster, made on first start. Three authorities, so that no certificate opens a door it was not made for:
 *
 *   ca            the resource API: its server, and people and agents who use it
 *   etcd/ca       the store's client port: its server, and etcd clients (all of whom may read and write everything)
 *   etcd/peer-ca  the members among themselves
 *
 * and `sa`, the key that signs tokens of ServiceAccounts.
 */
import { join } from "node:path";
import {
  type CertificatePair,
  createAuthority,
  createTokenKey,
  issueCertificate,
  type LeafRequest,
  type RequestHeaderTrust,
} from "../../auth/index.ts";
import { utf8 } from "../../base/index.ts";
import type { Platform, TlsMaterial } from "../../platform/index.ts";
import { CertificateFiles } from "./certificate-files.ts";

/** As kubeadm has them. */
const standardRequestHeaders: Omit<RequestHeaderTrust, "ca"> = {
  allowedNames: ["front-proxy-client"],
  usernameHeaders: ["X-Remote-User"],
  uidHeaders: ["X-Remote-Uid"],
  groupHeaders: ["X-Remote-Group"],
  extraHeaderPrefixes: ["X-Remote-Extra-"],
};

/** What serving the resource API takes. */
export interface ApiPki {
  readonly apiServer: TlsMaterial;
  /** Who signs certificates of clients; without it nobody enters by certificate. */
  readonly clientCa: string | undefined;
  /** Who signed the certificate of the API server, for programs in the cluster. */
  readonly rootCa: string | undefined;
  /** Signs CertificateSigningRequests. */
  readonly signer: CertificatePair | undefined;
  /** What the API server shows to the nodes' agents. */
  readonly kubeletClient: TlsMaterial | undefined;
  /** With which the API server asks aggregated servers on behalf of others. */
  readonly frontProxy: TlsMaterial | undefined;
  /** Told to aggregated servers, which believe whoever has such a certificate. */
  readonly requestHeader: RequestHeaderTrust | undefined;
  /** PEM of the private key that signs tokens of ServiceAccounts, unless a flag names another. */
  readonly serviceAccountKey: string | undefined;
}

/** What one member and its users need. */
export interface Pki extends ApiPki {
  readonly directory: string;
  readonly apiCa: string;
  /** A client in system:masters. */
  readonly admin: TlsMaterial;
  readonly storeServer: TlsMaterial;
  readonly storeClient: TlsMaterial;
  readonly peer: TlsMaterial;
}

export interface PkiNames {
  /** Host names and addresses under which this machine is reached, besides the loopback ones. */
  readonly hosts: readonly string[];
  /** The first address of the service range: the ClusterIP of the Service "kubernetes". */
  readonly serviceAddress: string;
}

/**
 * Reads what is there and makes what is missing. Starting several members at once on one directory is safe only after one has made the
 * authorities (`raftsman certs` or `raftsman up` does).
 */
export async function ensurePki(platform: Platform, directory: string, names: PkiNames): Promise<Pki> {
  const { pki, keep } = await preparePki(platform, directory, names);
  await keep();
  return pki;
}

/** The same, for those who have better to do at first: what was made is written when they say so, and durable when `keep` resolves. */
export async function preparePki(
  platform: Platform,
  directory: string,
  names: PkiNames,
): Promise<{ readonly pki: Pki; keep(): Promise<void> }> {
  await platform.disk.makeDirectory(join(directory, "etcd"));
  const files = new CertificateFiles(platform.disk, directory);
  const authority = (path: string, commonName: string) =>
    files.pair(path, "authority", () => createAuthority(commonName, platform));
  const [api, proxy, store, peers] = await Promise.all([
    authority("ca", "kubernetes-ca"),
    authority("front-proxy-ca", "front-proxy-ca"),
    authority("etcd/ca", "etcd-ca"),
    authority("etcd/peer-ca", "etcd-peer-ca"),
  ]);

  const { dnsNames, ipAddresses } = namesOf(names);
  const leaf = async (
    authority: CertificatePair,
    path: string,
    request: LeafRequest,
  ): Promise<TlsMaterial> => ({
    ...(await files.pair(path, "leaf", () => issueCertificate(authority, request, platform))),
    ca: authority.cert,
  });
  const [apiServer, kubeletClient, admin, frontProxy, storeServer, storeClient, peer] = await Promise.all([
    leaf(api, "apiserver", apiServerRequest(names)),
    leaf(api, "apiserver-kubelet-client", {
      commonName: "kube-apiserver-kubelet-client",
      organizations: ["system:masters"],
      usages: ["client"],
    }),
    leaf(api, "admin", {
      commonName: "kubernetes-admin",
      organizations: ["system:masters"],
      usages: ["client"],
    }),
    leaf(proxy, "front-proxy-client", { commonName: "front-proxy-client", usages: ["client"] }),
    leaf(store, "etcd/server", { commonName: "etcd", dnsNames, ipAddresses, usages: ["server", "client"] }),
    leaf(store, "etcd/client", { commonName: "etcd-client", usages: ["client"] }),
    leaf(peers, "etcd/peer", {
      commonName: "etcd-peer",
      dnsNames,
      ipAddresses,
      usages: ["server", "client"],
    }),
  ]);
  const serviceAccountKey = await files.signingKey("sa", createTokenKey);
  const pki = {
    directory,
    apiCa: api.cert,
    clientCa: api.cert,
    rootCa: api.cert,
    signer: api,
    apiServer,
    kubeletClient,
    admin,
    frontProxy,
    requestHeader: { ...standardRequestHeaders, ca: proxy.cert },
    storeServer,
    storeClient,
    peer,
    serviceAccountKey,
  };
  return { pki, keep: () => files.keep() };
}

/** DIRECTORY/apiserver.crt and .key: made where they are missing, by an authority that nobody else has and that ends with it. */
export async function ensureServingCertificate(
  platform: Platform,
  directory: string,
  names: PkiNames,
): Promise<TlsMaterial> {
  await platform.disk.makeDirectory(directory);
  const files = new CertificateFiles(platform.disk, directory);
  const pair = await files.pair("apiserver", "leaf", () => {
    const authority = createAuthority("kube-apiserver-ca", platform);
    const leaf = issueCertificate(authority, apiServerRequest(names), platform);
    return { cert: `${leaf.cert}${authority.cert}`, key: leaf.key };
  });
  await files.keep();
  return pair;
}

function namesOf({ hosts }: PkiNames): { dnsNames: string[]; ipAddresses: string[] } {
  const isAddress = (host: string) => host.includes(":") || /^[\d.]+$/.test(host);
  const all = [...new Set(["localhost", "127.0.0.1", "::1", ...hosts])];
  return { dnsNames: all.filter((host) => !isAddress(host)), ipAddresses: all.filter(isAddress) };
}

function apiServerRequest(names: PkiNames): LeafRequest {
  const { dnsNames, ipAddresses } = namesOf(names);
  const service = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ];
  return {
    commonName: "kube-apiserver",
    dnsNames: [...dnsNames, ...service],
    ipAddresses: [...ipAddresses, names.serviceAddress],
    usages: ["server"],
  };
}

/** Puts `ca.crt`, `client.crt` and `client.key` where etcdctl is to find them. */
export async function exportStoreClient(platform: Platform, pki: Pki, directory: string): Promise<void> {
  await platform.disk.makeDirectory(directory);
  const files = {
    "ca.crt": pki.storeClient.ca ?? "",
    "client.crt": pki.storeClient.cert,
    "client.key": pki.storeClient.key,
  };
  for (const [name, text] of Object.entries(files)) {
    await platform.disk.replaceFile(join(directory, name), utf8(text), { mode: 0o600 });
  }
}
