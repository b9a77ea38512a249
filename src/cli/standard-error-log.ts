import type { Clock } from "../platform/index.ts";
import { createLog, type Log, type LogLevel } from "../telemetry/index.ts";

/** Text for people on a terminal, JSON lines elsewhere; $RAFTSMAN_LOG says from which level on. */
export function standardErrorLog(clock: Clock, least: LogLevel = "info"): Log {
  const asked = process.env["RAFTSMAN_LOG"];
  const level =
    asked === "debug" || asked === "info" || asked === "warn" || asked === "error" ? asked : least;
  const sink = (line: string) => void process.stderr.write(line);
  return createLog({ sink, now: () => clock.now(), level, format: process.stderr.isTTY ? "text" : "json" });
}
