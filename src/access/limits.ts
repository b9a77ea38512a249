/** Tokens that are good at one time; the one that was used longest ago makes room. */
export const tokensMax = 100_000;
/** Passwords being hashed at one time: each takes a thread of the pool that also writes the log. */
export const passwordsAtOnceMax = 2;
/** Passwords waiting for that; more are refused. */
export const passwordsWaitingMax = 256;
/** bcrypt's range and default, which etcd's flag speaks in. */
export const passwordCostMin = 4;
export const passwordCostMax = 31;
export const passwordCostDefault = 10;
/** Above it a single password would take gigabytes of memory; greater costs count as this one. */
export const passwordCostHighest = 16;
/** Seconds a token is good for without being used (etcd's --auth-token-ttl). */
export const tokenTtlSecondsDefault = 300;
