/** The record of who did what, from flags and files: loaded only where one is kept. */
import { stringifyJson } from "../../apimachinery/index.ts";
import type { Auditor, AuditSink, LogFileOptions } from "../../audit/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { readKubeconfig, undiciTransport } from "../../client/index.ts";
import type { Platform } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";

/** Named as kube-apiserver's flags `--audit-*`. */
export interface AuditConfig {
  readonly policyFile: string;
  readonly logFile?: LogFileOptions;
  /** Takes each event as a line. */
  readonly printed?: (line: string) => void;
  readonly webhook?: AuditWebhookConfig;
}

interface AuditWebhookConfig {
  /** Says in a kubeconfig where the webhook is. */
  readonly configFile: string;
  readonly bufferMax: number;
  readonly batchMax: number;
  /** Milliseconds. */
  readonly waitMs: number;
  readonly requestsPerSecond: number;
  readonly initialBackoffMs: number;
}

/** @throws Error that names the flag and the file */
export async function openAuditor(platform: Platform, config: AuditConfig, log: Log): Promise<Auditor> {
  const { createAuditor, LogFile, parsePolicy, WebhookSink } = await import("../../audit/index.ts");
  const { disk, clock } = platform;
  const onTrouble = (message: string): void => log.channel("audit").error(message, {});
  const named = async <T>(flag: string, path: string, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      throw new Error(`--${flag}: ${path}: ${(error as Error).message}`, { cause: error });
    }
  };
  const policy = await named("audit-policy-file", config.policyFile, async () =>
    parsePolicy(fromUtf8(await disk.readFile(config.policyFile))),
  );
  const sinks: AuditSink[] = [];
  const { logFile, printed, webhook } = config;
  if (printed !== undefined)
    sinks.push({ write: (event) => printed(`${stringifyJson(event)}\n`), close: async () => {} });
  if (logFile !== undefined) {
    const file = new LogFile(logFile, { disk, clock, onTrouble });
    await named("audit-log-path", logFile.path, () => file.open());
    sinks.push(file);
  }
  if (webhook !== undefined) {
    const { configFile, ...options } = webhook;
    const context = await named("audit-webhook-config-file", configFile, () =>
      readKubeconfig(disk, configFile),
    );
    const { pathname, search, origin } = new URL(context.server);
    const transport = undiciTransport({ ...context, server: origin });
    sinks.push(new WebhookSink({ ...options, path: pathname + search }, { transport, clock, onTrouble }));
  }
  return createAuditor({ policy, sinks, clock });
}
