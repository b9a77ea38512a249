import { createHash } from "node:crypto";
import { formatMicroTime, type KubeObject, parseTime } from "../../apimachinery/index.ts";
import type { Random } from "../../platform/index.ts";
import { type EnsureOptions, keep } from "./ensure.ts";

/**
 * Every API server says by a Lease in kube-system that it is there: upstream's API server identity, by which one sees how many
 * there are. Whoever renews its own also takes away those of servers that have been gone for longer than their Lease lasts.
 */

const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases", namespace: "kube-system" };
const identityLabel = "apiserver.kubernetes.io/identity";
const leaseSeconds = 3600;
/** Between two renewals, in milliseconds. Upstream renews every ten seconds what lasts an hour; a minute wakes an idle disk less. */
const renewMs = 60_000;

export interface IdentityLeaseOptions extends EnsureOptions {
  readonly random: Random;
  /** The member's, unique among the servers. */
  readonly name: string;
}

/** Renews it until the signal fires. `there`: it is for the first time. */
export function keepIdentityLease(options: IdentityLeaseOptions): { readonly there: Promise<void> } {
  const { client, clock, random, name: member } = options;
  const name = identityOf(member);
  const holderIdentity = `${name}_${random.uuid()}`;
  const attempt = async () => {
    const query = { labelSelector: `${identityLabel}=kube-apiserver` };
    const { items } = await client.list(leases, query);
    const now = clock.now();
    const renewed = { holderIdentity, leaseDurationSeconds: leaseSeconds, renewTime: formatMicroTime(now) };
    const own = items.find(({ metadata }) => metadata.name === name);
    if (own !== undefined) await client.update(leases, { ...own, spec: { ...own["spec"], ...renewed } });
    else {
      const labels = { [identityLabel]: "kube-apiserver", "kubernetes.io/hostname": member };
      await client.create(leases, { metadata: { name, labels }, spec: renewed });
    }
    const gone = items.filter((lease) => lease !== own && isExpired(lease, now));
    await Promise.all(gone.map(({ metadata }) => client.delete(leases, metadata.name ?? "")));
  };
  return keep(options, "the server's identity is", { repairMs: renewMs, attempt });
}

function isExpired({ spec }: KubeObject, now: number): boolean {
  const renewed = parseTime(spec?.renewTime ?? "");
  return renewed !== undefined && renewed + (spec?.leaseDurationSeconds ?? 0) * 1000 < now;
}

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** `apiserver-` and half a SHA-256 of where it runs, in base 32: the same after a restart. */
function identityOf(member: string): string {
  const hash = createHash("sha256").update(member).digest().subarray(0, 16);
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const digits = bits.match(/.{1,5}/g) ?? [];
  return `apiserver-${digits.map((five) => alphabet[Number.parseInt(five.padEnd(5, "0"), 2)]).join("")}`;
}
