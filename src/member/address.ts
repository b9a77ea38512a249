/** Where something listens. Port 0 takes a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Take a free port where this one is taken. */
  readonly orFree?: boolean;
}
