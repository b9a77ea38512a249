/** The files of certificates count again while the server runs, as k8s.io/apiserver's dynamiccertificates has it. */
import { errorText, type Log } from "../../client/index.ts";
import type { Clock, Timer, TlsMaterial } from "../../platform/index.ts";
import type { ApiPki } from "./pki.ts";

/** Milliseconds; upstream is told of changes, and looks once a minute besides. */
const rereadMs = 2000;

interface FollowOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** In use now. */
  readonly pki: ApiPki;
  readonly reread: () => Promise<ApiPki>;
  /** Is called again with what was in use before where it throws. */
  readonly use: (pki: ApiPki) => void;
  readonly onUsed: (pki: ApiPki) => void;
}

/** Reads them again every few seconds until it is cancelled. What cannot be read or does not fit is logged once, and what was in use stays. */
export function followCertificates({ clock, log, pki, reread, use, onUsed }: FollowOptions): Timer {
  let current = pki;
  let trouble: string | undefined;
  let reading = false;
  let cancelled = false;
  const look = async (): Promise<void> => {
    const next = await reread();
    if (cancelled) return;
    if (isSame(current, next)) {
      trouble = undefined;
      return;
    }
    checkAuthorities(next);
    try {
      use(next);
    } catch (error) {
      use(current);
      throw error;
    }
    current = next;
    trouble = undefined;
    log.info("certificates were read again: connections from now on have them");
    onUsed(next);
  };
  const timer = clock.every(
    rereadMs,
    () => {
      if (reading) return;
      reading = true;
      look()
        .catch((error: unknown) => {
          const text = errorText(error);
          if (text !== trouble)
            log.error("changed certificates are no good: those of before stay", { error: text });
          trouble = text;
        })
        .finally(() => {
          reading = false;
        });
    },
    { background: true },
  );
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}

/** What the listener shows, and whose certificates it takes. */
export function servingMaterial({ apiServer, clientCa, requestHeader }: ApiPki): TlsMaterial {
  const authorities = [clientCa, requestHeader?.ca].filter((ca) => ca !== undefined).join("\n");
  const { cert, key } = apiServer;
  return authorities === "" ? { cert, key } : { cert, key, ca: authorities };
}

function isSame(one: ApiPki, other: ApiPki): boolean {
  return (
    one.apiServer.cert === other.apiServer.cert &&
    one.apiServer.key === other.apiServer.key &&
    one.clientCa === other.clientCa &&
    one.requestHeader?.ca === other.requestHeader?.ca
  );
}

/** @throws Error where a file of authorities is empty: somebody is about to write it */
function checkAuthorities({ clientCa, requestHeader }: ApiPki): void {
  const files = { "--client-ca-file": clientCa, "--requestheader-client-ca-file": requestHeader?.ca };
  for (const [flag, text] of Object.entries(files)) {
    if (text !== undefined && !text.includes("-----BEGIN CERTIFICATE-----"))
      throw new Error(`${flag}: no certificate in the file: write one into it`);
  }
}
