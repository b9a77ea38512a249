import { type ChildProcess, spawn } from "node:child_process";
import { connect as connectTo, isIP } from "node:net";
import { constants, hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { type Registration, register as registerEndpoint } from "../../registration/index.ts";
import { type ConnectionOptions, connect, type Session } from "../connection.ts";
import { standardErrorLog } from "../standard-error-log.ts";

export interface RegisterOptions extends ConnectionOptions {
  readonly port: number;
  readonly servicePort?: number;
  readonly portName?: string;
  readonly protocol: "TCP" | "UDP";
  readonly address?: string;
  readonly ttl: number;
  readonly wait: boolean;
}

/** Between two looks whether the program listens. */
const listenPollMs = 50;
/** Any time will do. */
const holdMs = 60_000;
/** So long the server has to hear that the program goes, before the program is told to. */
const farewellMs = 1000;

/** Signals that are the program's, not ours. */
const passedOn = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGCONT",
] as const;
/** Those after which it is to end: its endpoint goes first. */
const ending: ReadonlySet<string> = new Set(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]);
/** A terminal gives these to the program itself. */
const fromTerminal: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT", "SIGWINCH"]);

/** Runs a program and keeps an endpoint of a Service for as long as it runs. */
export async function register(
  service: string,
  command: readonly string[],
  options: RegisterOptions,
): Promise<void> {
  const session = await connect(options);
  let registration: Registration | undefined;
  let over = false;
  const leave = async (): Promise<void> => {
    over = true;
    await Promise.race([registration?.close(), delay(farewellMs, undefined, { ref: false })]);
  };
  try {
    const address = options.address ?? localAddress(session.server);
    if (isIP(address) === 0) throw new Error(`--address: an IP address was expected: ${address}`);
    const program = command.length === 0 ? undefined : await start(command);
    const ended = passSignals(program, leave);
    const enter = async (): Promise<void> => {
      if (options.wait && options.protocol === "TCP")
        while (!over && !(await listens(address, options.port)))
          await delay(listenPollMs, undefined, { ref: false });
      if (over) return;
      const made = await registerEndpoint(requestOf(service, address, session, options), {
        client: session.client,
        clock: session.platform.clock,
        log: standardErrorLog(session.platform.clock, "info"),
      });
      registration = made;
      if (over) return await made.close();
      process.stderr.write(
        `registered ${address}:${options.port} as ${made.name} of service ${session.namespace}/${service}\n`,
      );
    };
    const entering = enter();
    // What refuses the endpoint ends the program, too: nobody would come.
    const refused = entering.then(() => ended);
    try {
      const status = await Promise.race([ended, refused]);
      await leave();
      await entering.catch(() => {});
      process.exitCode = status;
    } catch (error) {
      program?.kill("SIGTERM");
      throw error;
    }
  } finally {
    await session.close();
  }
}

function requestOf(service: string, address: string, { namespace }: Session, options: RegisterOptions) {
  const { port, servicePort, portName, protocol, ttl } = options;
  return {
    namespace,
    service,
    port,
    ...(servicePort === undefined ? {} : { servicePort }),
    ...(portName === undefined ? {} : { portName }),
    protocol,
    address,
    ttlSeconds: ttl,
    holder: `${hostname()}_${process.pid}`,
  };
}

/** @throws Error where there is no such program */
function start([file = "", ...args]: readonly string[]): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: "inherit" });
    child.once("spawn", () => resolve(child));
    child.once("error", (error: { code?: string }) =>
      reject(
        new Error(
          error.code === "ENOENT"
            ? `${file}: no such program on the PATH`
            : `${file} cannot be started: ${error.code}`,
        ),
      ),
    );
  });
}

/**
 * The exit status, when the program ends or, without one, when we are told to. Before a signal that ends it reaches the program its endpoint
 * is gone: nobody new is sent to it while it finishes.
 */
function passSignals(program: ChildProcess | undefined, leave: () => Promise<void>): Promise<number> {
  return new Promise((resolve) => {
    // Nothing else holds the process where there is no program.
    const held = program === undefined ? setInterval(() => {}, holdMs) : undefined;
    const end = (status: number): void => {
      clearInterval(held);
      resolve(status);
    };
    program?.once("exit", (code, signal) => end(code ?? 128 + constants.signals[signal as NodeJS.Signals]));
    const pass = (signal: NodeJS.Signals): void => {
      if (program === undefined) end(0);
      else if (!(process.stdin.isTTY && fromTerminal.has(signal))) program.kill(signal);
    };
    for (const signal of passedOn)
      process.on(signal, () => {
        if (ending.has(signal)) void leave().then(() => pass(signal));
        else if (program !== undefined) pass(signal);
      });
  });
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTo({ host, port });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.setTimeout(farewellMs, () => done(false));
  });
}

/** Where the cluster reaches this machine, as far as that can be told: it is this machine where its server is. */
function localAddress(server: string): string {
  const { hostname: host } = new URL(server);
  if (/^127\.|^localhost$|^\[::1\]$/.test(host)) return "127.0.0.1";
  throw new Error(`--address is missing: where ${host} and its clients reach this machine`);
}
