/** Where something listens. Port 0 takes a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** A socket in the file system instead. */
  readonly path?: string;
  /** Take a free port where this one is taken. */
  readonly orFree?: boolean;
}
