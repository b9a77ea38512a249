import { join } from "node:path";
import { fromUtf8, utf8 } from "../base/index.ts";
import type { Platform, TlsMaterial } from "../platform/index.ts";

/**
 * A certificate that nobody vouches for, made at the first start and kept: it hides what is said, and shows nobody who says it. `cert.pem` has
 * its own authority behind it, so that clients may be given it as one.
 */
export async function autoTlsMaterial(
  platform: Platform,
  directory: string,
  hosts: readonly string[],
): Promise<TlsMaterial> {
  const { disk } = platform;
  const certPath = join(directory, "cert.pem");
  const keyPath = join(directory, "key.pem");
  if (await disk.exists(certPath))
    return { cert: fromUtf8(await disk.readFile(certPath)), key: fromUtf8(await disk.readFile(keyPath)) };
  // Only who asks for it pays for it.
  const { createAuthority, issueCertificate } = await import("../auth/index.ts");
  const isAddress = (host: string) => host.includes(":") || /^[\d.]+$/.test(host);
  const authority = createAuthority("etcd", platform);
  const leaf = issueCertificate(
    authority,
    {
      commonName: "etcd",
      dnsNames: hosts.filter((host) => !isAddress(host)),
      ipAddresses: hosts.filter(isAddress),
      usages: ["server", "client"],
    },
    platform,
  );
  const cert = leaf.cert + authority.cert;
  await disk.makeDirectory(directory);
  // The key first, so that a certificate never stands without one.
  await disk.replaceFile(keyPath, utf8(leaf.key), { mode: 0o600 });
  await disk.replaceFile(certPath, utf8(cert), { mode: 0o644 });
  return { cert, key: leaf.key };
}
