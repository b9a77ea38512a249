import { lstat, rm } from "node:fs/promises";
import * as net from "node:net";
import * as tls from "node:tls";
import { handshakeRecord, serverNameIn } from "./client-hello.ts";
import { bindDatagrams } from "./datagrams.ts";
import { peerCertificateOf } from "./peer-certificate.ts";
import type { Connection, ConnectOptions, Listener, ListenOptions, Network } from "./ports.ts";
import { type Sort, sortingServer } from "./sorting-server.ts";

/** Milliseconds a TLS client may take for its handshake, as Go's http.Server would with its header time-out. */
const handshakeTimeoutMsDefault = 10_000;
const connectTimeoutMsDefault = 10_000;

/** TCP and TLS sockets, without Nagle's delay. */
export function nodeNetwork(): Network {
  return { listen, connect, bindDatagrams };
}

async function listen(
  options: ListenOptions,
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const open = new Set<net.Socket>();
  const tlsOptions = options.tls;
  const secure = tlsOptions && tlsServer(tlsOptions, onConnection);
  const server =
    secure === undefined || tlsOptions === undefined
      ? plainServer(onConnection, options.halfOpen ?? false)
      : accepting(secure, tlsOptions, onConnection);
  // The raw sockets, so that a close also ends those still in their handshake.
  server.on("connection", (socket: net.Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", ignore);
  });
  const { host, port, path } = options;
  if (path !== undefined) await removeSocket(path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path === undefined ? { host, port } : { path }, () => {
      server.removeListener("error", reject);
      // A failed accept (no file descriptors left) is the client's loss; the listener goes on.
      server.on("error", ignore);
      resolve();
    });
  });
  const address = server.address() as net.AddressInfo | string;
  return {
    ...(typeof address === "string"
      ? { host: address, port: 0 }
      : { host: address.address, port: address.port }),
    stopAccepting: () => void server.close(),
    ...(secure &&
      tlsOptions && {
        renewTls: (material) => secure.setSecureContext(contextOf({ ...tlsOptions, ...material })),
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** What a process left that did not end well. A file that is no socket stays, and is in the way. */
async function removeSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket()) await rm(path, { force: true });
}

function plainServer(onConnection: (connection: Connection) => void, halfOpen: boolean): net.Server {
  return net.createServer({ noDelay: true, allowHalfOpen: halfOpen }, (socket) => {
    onConnection(plainConnection(socket));
  });
}

function plainConnection(socket: net.Socket): Connection {
  return {
    stream: socket,
    // The system has a copy as soon as the write has ended.
    keepsNoBytes: true,
    protocol: undefined,
    peerCertificate: undefined,
    peerCertificateError: undefined,
    remoteAddress: remoteAddress(socket),
  };
}

type ListenTls = NonNullable<ListenOptions["tls"]>;

/** What accepts for the TLS server: itself, or one that looks at the first bytes before. */
function accepting(
  secure: tls.Server,
  options: ListenTls,
  onConnection: (connection: Connection) => void,
): net.Server {
  const { passOn, plainToo = false } = options;
  if (passOn === undefined && !plainToo) return secure;
  const sort: Sort = (seen) => {
    if (plainToo && seen[0] !== handshakeRecord) return (socket) => onConnection(plainConnection(socket));
    if (passOn === undefined) return "tls";
    const name = serverNameIn(seen);
    if (name === undefined) return "more";
    const taken = passOn(name);
    if (taken === undefined) return "tls";
    return (socket) => {
      socket.allowHalfOpen = true;
      taken(plainConnection(socket));
    };
  };
  return sortingServer(secure, sort, options.handshakeTimeoutMs ?? handshakeTimeoutMsDefault);
}

function contextOf(options: ListenTls): tls.SecureContextOptions {
  return {
    cert: options.cert,
    key: options.key,
    minVersion: options.minVersion ?? "TLSv1.2",
    ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
    // Without an authority of our own nobody's certificate is good: never fall back to the public ones.
    ca: options.ca ?? [],
    ...(options.ciphers === undefined ? {} : { ciphers: options.ciphers }),
  };
}

function tlsServer(options: ListenTls, onConnection: (connection: Connection) => void): tls.Server {
  const server = tls.createServer(
    {
      ...contextOf(options),
      handshakeTimeout: options.handshakeTimeoutMs ?? handshakeTimeoutMsDefault,
      requestCert: options.clientCertificate !== "none",
      rejectUnauthorized: options.clientCertificate === "require",
      noDelay: true,
      ...(options.protocols === undefined ? {} : { ALPNProtocols: [...options.protocols] }),
      ...(options.certificateFor === undefined ? {} : { SNICallback: chooseBy(options.certificateFor) }),
    },
    (socket) => {
      const connection = tlsConnection(socket);
      const { peerCertificate: shown, remoteAddress: from } = connection;
      const reason = shown && options.turnsAway?.(shown);
      if (reason === undefined) return onConnection(connection);
      socket.destroy();
      options.onRejected?.(from, reason);
    },
  );
  server.on("tlsClientError", (error: Error & { code?: string }, socket) => {
    options.onRejected?.(remoteAddress(socket), error.message);
    // Node ends the connection after every other error, but leaves this one to us.
    if (error.code === "ERR_TLS_HANDSHAKE_TIMEOUT") socket.destroy();
  });
  return server;
}

type Choose = NonNullable<ListenTls["certificateFor"]>;

/** Contexts are dear to make, and kept as long as their certificate is. */
function chooseBy(certificateFor: Choose): NonNullable<tls.TlsOptions["SNICallback"]> {
  const contexts = new WeakMap<object, tls.SecureContext>();
  return (name, done) => {
    const material = certificateFor(name);
    if (material === undefined) return done(null);
    try {
      let context = contexts.get(material);
      if (context === undefined) {
        context = tls.createSecureContext({ cert: material.cert, key: material.key, minVersion: "TLSv1.2" });
        contexts.set(material, context);
      }
      done(null, context);
    } catch (error) {
      done(error as Error);
    }
  };
}

async function connect(options: ConnectOptions): Promise<Connection> {
  const secure = options.tls && connectTls(options, options.tls);
  const socket = secure ?? connectPlain(options);
  const ready = secure === undefined ? "connect" : "secureConnect";
  await new Promise<void>((resolve, reject) => {
    const milliseconds = options.timeoutMs ?? connectTimeoutMsDefault;
    const timer = setTimeout(() => {
      const error = new Error(
        `connect ETIMEDOUT ${options.path ?? `${options.host}:${options.port}`} after ${milliseconds} ms`,
      );
      socket.destroy(Object.assign(error, { code: "ETIMEDOUT" }));
    }, milliseconds);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("close", closedEarly);
    socket.once(ready, () => {
      const untrusted = secure && pinError(options, secure);
      if (untrusted !== undefined) {
        socket.destroy(untrusted);
        return;
      }
      clearTimeout(timer);
      socket.removeListener("error", failed);
      socket.removeListener("close", closedEarly);
      resolve();
    });
    function closedEarly(): void {
      const error = new Error(
        `connection to ${options.path ?? `${options.host}:${options.port}`} closed before it stood`,
      );
      failed(Object.assign(error, { code: "ECONNRESET" }));
    }
  });
  // Whoever uses the stream listens for errors as well; this one keeps an error in between from ending the process.
  socket.on("error", ignore);
  return secure === undefined ? plainConnection(socket) : tlsConnection(secure);
}

/** Why the certificate is not the one that was to be expected. */
function pinError(options: ConnectOptions, socket: tls.TLSSocket): Error | undefined {
  const sha256 = options.tls?.sha256;
  if (sha256 === undefined) return undefined;
  const shown = socket.getPeerCertificate().fingerprint256?.replaceAll(":", "").toLowerCase();
  if (shown === sha256.toLowerCase()) return undefined;
  const error = new Error(
    `${options.host}:${options.port} shows another certificate than it was said to have`,
  );
  return Object.assign(error, { code: "ERR_TLS_CERT_PIN" });
}

function connectPlain(options: ConnectOptions): net.Socket {
  const { host, port, path, halfOpen = false } = options;
  if (path !== undefined) return net.connect({ path, allowHalfOpen: halfOpen });
  return net.connect({ host, port, noDelay: true, allowHalfOpen: halfOpen });
}

function connectTls(options: ConnectOptions, material: NonNullable<ConnectOptions["tls"]>): tls.TLSSocket {
  const name = material.serverName ?? options.host;
  const { host, port, path } = options;
  const socket = tls.connect({
    ...(path === undefined ? { host, port } : { path }),
    minVersion: "TLSv1.2",
    // SNI carries names only (RFC 6066, section 3); an address is still checked against the certificate.
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
    rejectUnauthorized: material.unverified !== true && material.sha256 === undefined,
    ...(material.ca === undefined ? {} : { ca: material.ca }),
    ...(material.ciphers === undefined ? {} : { ciphers: material.ciphers }),
    ...(material.cert === undefined ? {} : { cert: material.cert }),
    ...(material.key === undefined ? {} : { key: material.key }),
    ...(material.protocols === undefined ? {} : { ALPNProtocols: [...material.protocols] }),
  });
  socket.setNoDelay(true);
  return socket;
}

function tlsConnection(socket: tls.TLSSocket): Connection {
  const shown = peerCertificateOf(socket);
  socket.on("error", ignore);
  return {
    stream: socket,
    protocol: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined,
    peerCertificate: socket.authorized ? shown : undefined,
    peerCertificateError:
      shown !== undefined && !socket.authorized
        ? String(socket.authorizationError ?? "not authorized")
        : undefined,
    remoteAddress: remoteAddress(socket),
  };
}

function remoteAddress(socket: net.Socket): string {
  const { remoteAddress: host, remotePort: port = 0 } = socket;
  // Whoever calls on a socket in the file system has no name; Go's word for that.
  if (host === undefined) return "@";
  // Not by `net.isIPv6`, whose regular expression takes milliseconds to compile.
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function ignore(): void {}
