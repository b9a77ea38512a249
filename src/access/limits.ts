/** Tokens that are good at one time; the one that was used longest ago makes room. */
export const tokensMax = 100_000;
/** Passwords waiting to be hashed, one after the other; more are refused. */
export const passwordsWaitingMax = 256;
/** bcrypt looks at so many bytes of a password: longer ones are refused. */
export const passwordBytesMax = 72;
/** bcrypt's range and default, which etcd's flag speaks in. */
export const passwordCostMin = 4;
export const passwordCostMax = 31;
export const passwordCostDefault = 10;
/** Above it a single password would hold up all others for more than ten seconds; greater costs count as this one. */
export const passwordCostHighest = 16;
/** Seconds a token is good for without being used (etcd's --auth-token-ttl). */
export const tokenTtlSecondsDefault = 300;
