import { X509Certificate } from "node:crypto";
import { parseTime } from "../../apimachinery/index.ts";
import { errorText } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { aborted } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { certificateSigningRequests } from "../resources.ts";
import { conditionOf, type SigningRequest } from "./requests.ts";

const hourMs = 60 * 60_000;
const intervalMs = hourMs;
/** Requests that nobody, or no signer, cares for. */
const neglectedMs = 24 * hourMs;
/** Requests that are decided: who asked has had the time to fetch the answer. */
const decidedMs = hourMs;

/** Deletes requests that have served their time: pkg/controller/certificates/cleaner. */
export const requestCleaner: ControllerDescriptor = {
  name: "certificatesigningrequest-cleaner-controller",
  aliases: ["csrcleaner"],
  create(context) {
    const known = context.informers.informer<SigningRequest>(certificateSigningRequests);
    const clean = async (): Promise<void> => {
      const now = context.clock.now();
      for (const request of known.lister.list()) if (isOver(request, now)) await remove(context, request);
    };
    return {
      async run() {
        await clean();
        const timer = context.clock.every(intervalMs, () => void clean(), { background: true });
        await aborted(context.signal);
        timer.cancel();
      },
    };
  },
};

async function remove({ client, log }: ControllerContext, { metadata }: SigningRequest): Promise<void> {
  const { name = "", uid = "" } = metadata;
  try {
    await client.delete(certificateSigningRequests, name, { preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error))
      log.warn("a certificate request is not deleted", { name, error: errorText(error) });
  }
}

function isOver(request: SigningRequest, now: number): boolean {
  const { metadata, status } = request;
  const olderThan = (time: string | undefined, milliseconds: number): boolean => {
    const at = parseTime(time ?? "");
    return at !== undefined && now - at > milliseconds;
  };
  const since = (type: string): string | undefined => conditionOf(request, type)?.lastUpdateTime;
  const certificate = status?.certificate ?? "";
  return (
    ((status?.conditions?.length ?? 0) === 0 &&
      olderThan(metadata.creationTimestamp ?? undefined, neglectedMs)) ||
    olderThan(since("Denied"), decidedMs) ||
    olderThan(since("Failed"), decidedMs) ||
    olderThan(since("Approved"), certificate === "" ? neglectedMs : decidedMs) ||
    (certificate !== "" && conditionOf(request, "Approved") !== undefined && hasExpired(certificate, now))
  );
}

function hasExpired(certificate: string, now: number): boolean {
  try {
    return new X509Certificate(Buffer.from(certificate, "base64")).validToDate.getTime() < now;
  } catch {
    // Another signer's certificate may be in a form that we do not read.
    return false;
  }
}
