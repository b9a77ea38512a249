/** Users, roles and what they may do with which keys. */
export { AccessControl } from "./access-control.ts";
export { tokenTtlSecondsDefault } from "./limits.ts";
export { Passwords } from "./passwords.ts";
export { Tokens } from "./tokens.ts";
export { type AccessCommand, type Permission, permissionTypes, type Role, type User } from "./types.ts";
export { type WebTokenOptions, WebTokens } from "./web-tokens.ts";
