import type { Duplex } from "node:stream";

/** A pending timer. `cancel` after it fired does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time as an argument. */
export interface Clock {
  /** Wall time in milliseconds since 1970: for timestamps that people read, never for measuring. */
  now(): number;
  /** Milliseconds on a clock that never goes back: for time-outs, leases, intervals. */
  monotonic(): number;
  /** Calls `fire` once, at least `milliseconds` from now. Does not keep the process alive when `background`. */
  after(milliseconds: number, fire: () => void, options?: { background?: boolean }): Timer;
  /** Calls `fire` every `milliseconds` until cancelled. */
  every(milliseconds: number, fire: () => void, options?: { background?: boolean }): Timer;
}

/** The event loop as an argument, for whoever lets others have a turn. */
export interface Loop {
  /** Runs in the next turn: what I/O brings by then is dealt with first. In the order of the calls. */
  soon(run: () => void): void;
  /** Runs as soon as whoever has its turn now is done with it, before any other I/O is dealt with. In the order of the calls. */
  next(run: () => void): void;
}

/** Chance as an argument. */
export interface Random {
  /** Uniform in [0, 1): jitter, names. */
  number(): number;
  /** Unpredictable bytes: keys, tokens, identities. */
  bytes(length: number): Uint8Array;
  /** RFC 9562 version 4. */
  uuid(): string;
}

/** A file open for positioned I/O. */
export interface DiskFile {
  /** Bytes read into `buffer` from `position`; fewer than asked only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all parts one after the other from `position`, in one system call where possible. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** fdatasync: what was written before the call survives power loss once it resolves. */
  datasync(): Promise<void>;
  /**
   * `write`, and what it writes survives power loss once it resolves. Of what was written before this says nothing. `alone`: whoever waits for it
   * has nothing else to do, so a small write to a quick disk may be made before this returns.
   */
  writeDurably(parts: readonly Uint8Array[], position: number, options?: { alone?: boolean }): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The disk as an argument. Paths are absolute or relative to the process; errors carry Node's `code` (ENOENT, ENOSPC, …). */
export interface Disk {
  /**
   * `create`: make it where missing (mode 0600); `exclusive`: fail with EEXIST where present; `durableWrites`: `writeDurably` will be
   * called often.
   */
  open(
    path: string,
    options?: { create?: boolean; exclusive?: boolean; readOnly?: boolean; durableWrites?: boolean },
  ): Promise<DiskFile>;
  /** The whole content; ENOENT where missing. */
  readFile(path: string): Promise<Uint8Array>;
  /** Replaces the file atomically and durably: a temporary sibling, datasync, rename, directory sync. */
  replaceFile(path: string, content: Uint8Array, options?: { mode?: number }): Promise<void>;
  /** Names in a directory, sorted; ENOENT where missing. */
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Makes a directory and its parents (mode 0700). */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a whole directory; missing is fine. */
  remove(path: string): Promise<void>;
  /** fsync of a directory: creations, renames and removals in it survive power loss. */
  syncDirectory(path: string): Promise<void>;
  /** Locks a directory for this process until `release` is called or the process ends; EBUSY where another holds it. */
  lock(path: string): Promise<{ release(): Promise<void> }>;
  /** Bytes that this process may still write in a directory. */
  freeBytes(path: string): Promise<number>;
  /** A new empty directory for temporary files. */
  makeTemporaryDirectory(prefix: string): Promise<string>;
}

/** PEM texts for one side of a TLS connection. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** Trusted authorities of the other side. */
  readonly ca?: string;
  /** Cipher suites that may be used, by OpenSSL's names; its own choice when left out. */
  readonly ciphers?: string;
}

/** The certificate of the other side, checked against `TlsMaterial.ca`. */
export interface PeerCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** DER of the leaf. */
  readonly raw: Uint8Array;
  /** DER of what was shown with it, nearest first; TLS may have used other ways to an authority. */
  readonly sentAlong?: () => readonly Uint8Array[];
}

/** A byte stream to another process. */
export interface Connection {
  readonly stream: Duplex;
  /** When nothing of what was written waits (`writableLength` is 0) nothing refers to it either: its memory may be written to again. */
  readonly keepsNoBytes?: boolean;
  /** The protocol chosen by ALPN, or undefined on a plain connection or without agreement. */
  readonly protocol: string | undefined;
  /** Present when the other side showed a certificate that `ca` signed. */
  readonly peerCertificate: PeerCertificate | undefined;
  /** Why the certificate that the other side showed was not accepted, where `clientCertificate` is "request". */
  readonly peerCertificateError: string | undefined;
  readonly remoteAddress: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** A socket in the file system instead of an address. One that is there already is taken the place of. */
  readonly path?: string;
  /** A side that has finished sending may still receive: for those who pass connections on. */
  readonly halfOpen?: boolean;
  readonly tls?: TlsMaterial & {
    /** "require" refuses a connection without a good certificate in the handshake; "request" lets the layer above decide. */
    readonly clientCertificate: "none" | "request" | "require";
    readonly protocols?: readonly string[];
    /** TLSv1.2 when left out. */
    readonly minVersion?: "TLSv1.2" | "TLSv1.3";
    readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
    /** Asked about a certificate that is good: why its owner is turned away all the same. */
    readonly turnsAway?: ((certificate: PeerCertificate) => string | undefined) | undefined;
    /** Milliseconds that a client may be silent in its handshake, and before it; ten seconds when left out. */
    readonly handshakeTimeoutMs?: number;
    /** A connection came to nothing in its handshake, or was turned away. */
    readonly onRejected?: (remoteAddress: string, reason: string) => void;
    /** The certificate for the name a client asks for (SNI); `cert` where it answers undefined. The same object is made ready once. */
    readonly certificateFor?: (
      serverName: string,
    ) => { readonly cert: string; readonly key: string } | undefined;
    /** A connection whose first byte begins no TLS is taken as well, as it is: without protocol and certificate, whatever `clientCertificate` says. */
    readonly plainToo?: boolean;
    /**
     * Asked before the handshake, with the name that the client asks for, lower case, or "": who answers a function gets the connection as it
     * came, its TLS unread, and half open.
     */
    readonly passOn?: (serverName: string) => ((connection: Connection) => void) | undefined;
  };
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** A socket in the file system instead of an address. */
  readonly path?: string;
  readonly tls?: Partial<TlsMaterial> & {
    readonly protocols?: readonly string[];
    /** The name to check and to send as SNI; `host` by default. */
    readonly serverName?: string;
    /** Whose certificate is not checked at all: the connection is private, and nobody knows with whom. */
    readonly unverified?: boolean;
    /** The SHA-256 of the other side's certificate (64 hex digits): checked instead of authority and name. */
    readonly sha256?: string;
  };
  /** Milliseconds until the connection must stand. */
  readonly timeoutMs?: number;
  /** As of ListenOptions; plain connections only. */
  readonly halfOpen?: boolean;
}

export interface Listener {
  /** Of a socket in the file system: its path, and 0. */
  readonly host: string;
  readonly port: number;
  /** Accepts nothing more; what was accepted goes on. */
  stopAccepting(): void;
  /**
   * Of TLS: connections from now on are met with this certificate and these authorities; those that stand go on. Nothing changes where it throws.
   * @throws Error where the certificate and the key do not fit or cannot be read
   */
  renewTls?(material: TlsMaterial): void;
  /** Stops accepting and destroys what was accepted. */
  close(): Promise<void>;
}

/** Where a datagram comes from or goes to. */
export interface DatagramAddress {
  readonly host: string;
  readonly port: number;
}

/** A UDP socket. */
export interface DatagramSocket extends DatagramAddress {
  /** Hands one datagram to the system. It may be lost, as datagrams are; nobody is told. */
  send(message: Uint8Array, to: DatagramAddress): void;
  close(): Promise<void>;
}

/** The network as an argument. */
export interface Network {
  listen(options: ListenOptions, onConnection: (connection: Connection) => void): Promise<Listener>;
  connect(options: ConnectOptions): Promise<Connection>;
  /** Binds a UDP socket; port 0 takes a free one. `onMessage` may keep what it gets. */
  bindDatagrams(
    at: DatagramAddress,
    onMessage: (message: Uint8Array, from: DatagramAddress) => void,
  ): Promise<DatagramSocket>;
}

/** Everything that is not computation. `node.ts` is the real one; the simulator brings its own. */
export interface Platform {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
}
