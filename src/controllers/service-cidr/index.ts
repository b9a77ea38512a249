/**
 * Says which ServiceCIDRs addresses may be taken from, and holds those that go until no Service has an address that only they
 * hold: k8s.io/kubernetes/pkg/controller/servicecidrs.
 */
import {
  type Cidr,
  cidrContains,
  formatTime,
  type KubeObject,
  parseCidr,
  parseTime,
} from "../../apimachinery/index.ts";
import { createWorkqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { conditionOf } from "../pods.ts";
import { ipAddresses, isTerminating, serviceCidrs } from "../resources.ts";

export const serviceCidrController: ControllerDescriptor = {
  name: "service-cidr-controller",
  aliases: [],
  create,
};

const finalizer = "networking.k8s.io/service-cidr-finalizer";
const fieldManager = "service-cidr-controller";
/** Allocators that have not heard of the deletion yet may still take addresses for so long. */
const deletionGraceMs = 10_000;
const stillUsed =
  "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";

interface Verdict {
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

function create({ client, clock, log, signal, informers }: ControllerContext): { run(): Promise<void> } {
  const cidrs = informers.informer(serviceCidrs);
  const addresses = informers.informer(ipAddresses);
  const queue = createWorkqueue({ name: "service CIDRs", clock, log, process: reconcile });
  /** One that comes or goes may free, or hold, others. */
  const lookAtTerminating = (): void => {
    for (const cidr of cidrs.lister.list()) if (isTerminating(cidr)) queue.add(nameOf(cidr));
  };
  cidrs.addHandler({
    add(cidr) {
      queue.add(nameOf(cidr));
      lookAtTerminating();
    },
    update: (cidr) => queue.add(nameOf(cidr)),
    delete: lookAtTerminating,
  });
  addresses.addHandler({ delete: lookAtTerminating });

  async function reconcile(name: string): Promise<void> {
    const cidr = cidrs.lister.get("", name);
    if (cidr === undefined) return;
    if (!isTerminating(cidr)) {
      await setFinalizer(cidr, true);
      await report(cidr, { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" });
      return;
    }
    if (!mayGo(cidr))
      return await report(cidr, { status: "False", reason: "Terminating", message: stillUsed });
    const since = parseTime(cidr.metadata.deletionTimestamp ?? "") ?? 0;
    const leftMs = since + deletionGraceMs - clock.now();
    if (leftMs > 0) queue.addAfter(name, leftMs);
    else await setFinalizer(cidr, false);
  }

  /** Other ranges hold all of it, or all addresses that are taken of it. */
  function mayGo(cidr: KubeObject): boolean {
    const others = cidrs.lister.list().filter((other) => nameOf(other) !== nameOf(cidr));
    const ranges = others.flatMap(rangesOf);
    const own = rangesOf(cidr);
    if (own.every((range) => ranges.some((other) => cidrContains(other, range)))) return true;
    return addresses.lister.list().every((address) => {
      if (address.metadata.labels?.["ipaddress.kubernetes.io/managed-by"] !== "ipallocator.k8s.io")
        return true;
      const ip = parseCidr(`${nameOf(address)}/${nameOf(address).includes(":") ? 128 : 32}`);
      if (ip === undefined || !own.some((range) => cidrContains(range, ip))) return true;
      return ranges.some((range) => cidrContains(range, ip));
    });
  }

  async function setFinalizer(cidr: KubeObject, wanted: boolean): Promise<void> {
    const finalizers = cidr.metadata.finalizers ?? [];
    if (finalizers.includes(finalizer) === wanted) return;
    const list = wanted ? "finalizers" : "$deleteFromPrimitiveList/finalizers";
    await patch(nameOf(cidr), { type: "strategic", body: { metadata: { [list]: [finalizer] } } });
  }

  async function report(cidr: KubeObject, { status, reason, message }: Verdict): Promise<void> {
    const now = conditionOf(cidr, "Ready");
    if (now?.status === status && (now.reason ?? "") === reason && now.message === message) return;
    const lastTransitionTime = formatTime(clock.now());
    const body = {
      apiVersion: "networking.k8s.io/v1",
      kind: "ServiceCIDR",
      metadata: { name: nameOf(cidr) },
      status: { conditions: [{ type: "Ready", status, reason, message, lastTransitionTime }] },
    };
    await patch(nameOf(cidr), { type: "apply", subresource: "status", fieldManager, force: true, body });
  }

  async function patch(name: string, change: Parameters<typeof client.patch>[2]): Promise<void> {
    try {
      await client.patch(serviceCidrs, name, change);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

const nameOf = (object: KubeObject): string => object.metadata.name ?? "";

function rangesOf(cidr: KubeObject): Cidr[] {
  return ((cidr.spec?.cidrs ?? []) as string[]).map(parseCidr).filter((range) => range !== undefined);
}
