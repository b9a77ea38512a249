/**
 * HAProxy never outlives this process, however that ends. It is started by a shell that holds the other end of a pipe from us: the pipe
 * ends with us, by SIGKILL too, and then the shell ends HAProxy.
 */
import type { Machine, RunningProcess } from "../../platform/index.ts";
import { closeGraceMs } from "../limits.ts";

/**
 * Signals go to the whole group, so shell and watcher let pass those that are HAProxy's. `$1`: seconds that its connections have when
 * nobody is left to wait for them.
 */
const watchdog = `grace=$1
shift
trap : USR1 TERM
haproxy "$@" < /dev/null 3<&- &
child=$!
(
  trap '' USR1 TERM
  while read -r line; do :; done
  kill -USR1 $child
  sleep "$grace"
  kill -KILL 0
) <&3 3<&- &
watcher=$!
while kill -0 $child 2> /dev/null; do wait $child; status=$?; done
kill -KILL $watcher
exit $status`;

/** @throws where there is no shell; that HAProxy is missing or cannot start is told by its end and its output */
export function startWatched(
  machine: Machine,
  { args, directory }: { readonly args: readonly string[]; readonly directory: string },
): Promise<RunningProcess> {
  const graceSeconds = String(Math.ceil(closeGraceMs / 1000));
  return machine.processes.spawn({
    file: "/bin/sh",
    args: ["-c", `exec 3<&0\n${watchdog}`, "sh", graceSeconds, ...args],
    env: machine.processes.environment(),
    cwd: directory,
    stdin: true,
    output: "pipe",
  });
}
