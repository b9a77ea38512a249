import { timingSafeEqual } from "node:crypto";
import { parseTime, type UserInfo } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { ObjectReader, TokenAuthenticator } from "./ports.ts";

const namespace = "kube-system";
const secretType = "bootstrap.kubernetes.io/token";
const everyBootstrapper = "system:bootstrappers";
const tokenForm = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens with which a new node asks for its certificate (`abcdef.0123456789abcdef`), kept in Secrets `kube-system/bootstrap-token-ID`:
 * plugin/pkg/auth/authenticator/token/bootstrap.
 */
export function bootstrapTokens(deps: {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Of this server: the tokens are good for all of them. */
  readonly audiences: readonly string[];
}): TokenAuthenticator {
  return {
    async authenticate(token, asked) {
      const [, id = "", secretPart = ""] = tokenForm.exec(token) ?? [];
      const audiences = deps.audiences.filter((audience) => asked.includes(audience));
      if (id === "" || audiences.length === 0) return undefined;
      const at = { namespace, name: `bootstrap-token-${id}` };
      const secret = await deps.reader.get({ group: "", version: "v1", resource: "secrets" }, at);
      if (secret?.["type"] !== secretType || secret.metadata.deletionTimestamp !== undefined)
        return undefined;
      const value = (key: string): string => Buffer.from(secret["data"]?.[key] ?? "", "base64").toString();
      if (value("token-id") !== id || !equal(value("token-secret"), secretPart)) return undefined;
      if (value("usage-bootstrap-authentication") !== "true") return undefined;
      const expiration = value("expiration");
      const expiresAt = expiration === "" ? undefined : parseTime(expiration);
      // A time that cannot be read has passed.
      if (expiration !== "" && (expiresAt === undefined || expiresAt <= deps.clock.now())) return undefined;
      const groups = groupsOf(value("auth-extra-groups"));
      if (groups === undefined) return undefined;
      const user: UserInfo = { name: `system:bootstrap:${id}`, groups };
      return { user, audiences, ...(expiresAt === undefined ? {} : { expiresAt }) };
    },
  };
}

/** Undefined where one of them is none that a bootstrap token may give. */
function groupsOf(extra: string): string[] | undefined {
  const groups = new Set([everyBootstrapper]);
  for (const group of extra.split(",")) {
    if (group === "") continue;
    if (!groupForm.test(group)) return undefined;
    groups.add(group);
  }
  return [...groups].sort();
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
