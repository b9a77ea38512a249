/** The log has a damage that no crash can make: bits have changed, or a file is missing. It is not repaired silently. */
export class WalDamagedError extends Error {
  override readonly name = "WalDamagedError";
  readonly file: string;
  /** Byte in the file. */
  readonly offset: number;

  constructor(file: string, offset: number, what: string) {
    super(
      `write-ahead log ${file} is damaged at byte ${offset}: ${what}. ` +
        "Remove this member and add it again with an empty data directory, or restore the directory from a backup",
    );
    this.file = file;
    this.offset = offset;
  }
}

/** The log was written by another version of this program. Nothing of it has been changed. */
export class WalFormatError extends Error {
  override readonly name = "WalFormatError";

  constructor(file: string, found: number, known: number) {
    super(
      `write-ahead log ${file} has format ${found}, and this version reads format ${known}: start the member with the version that wrote it, ` +
        "or remove it and add it again with an empty data directory",
    );
  }
}

/**
 * A write or a datasync failed. What it should have made durable is unknown (the kernel may have dropped it and report success
 * on a second try), so nothing is tried again and the log takes nothing more.
 */
export class WalFailedError extends Error {
  override readonly name = "WalFailedError";

  constructor(cause: unknown) {
    super(`write-ahead log failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
