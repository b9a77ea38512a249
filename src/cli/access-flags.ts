/** Flags that say who may enter, for every command that starts an API server; named as kube-apiserver's. */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { AccessConfig } from "../main/index.ts";
import { defaults } from "./defaults.ts";

export interface AccessOptions {
  readonly tokenAuthFile?: string;
  readonly anonymousAuth: "true" | "false";
  readonly enableBootstrapTokenAuth: boolean;
  readonly serviceAccountIssuer: readonly string[];
  readonly apiAudiences?: string;
  readonly serviceAccountSigningKeyFile?: string;
  readonly serviceAccountKeyFile: readonly string[];
}

export function withAccessFlags(command: Command): Command {
  return command
    .option("--token-auth-file <file>", 'bearer tokens, in lines of token,user,uid,"group1,group2"')
    .addOption(
      new Option("--anonymous-auth <bool>", "let requests without credentials on as system:anonymous")
        .choices(["true", "false"])
        .default("true"),
    )
    .option(
      "--enable-bootstrap-token-auth",
      "let the bearers of bootstrap tokens (Secrets in kube-system) in, as kubeadm and new nodes use them",
      false,
    )
    .option(
      "--service-account-issuer <url>",
      `issuer of ServiceAccount tokens (${defaults.serviceAccountIssuer}); repeat it for those whose tokens are still good`,
      collect,
      [],
    )
    .option("--api-audiences <list>", "whom tokens are for (the issuer by default)")
    .option(
      "--service-account-signing-key-file <file>",
      "private key that signs ServiceAccount tokens (sa.key among the certificates by default)",
    )
    .option(
      "--service-account-key-file <file>",
      "more keys, public or private, whose ServiceAccount tokens are good; may be repeated",
      collect,
      [],
    );
}

const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];

export function accessConfig(options: AccessOptions): AccessConfig {
  const { tokenAuthFile, serviceAccountSigningKeyFile, apiAudiences = "" } = options;
  const [issuer = defaults.serviceAccountIssuer, ...formerIssuers] = options.serviceAccountIssuer;
  return {
    ...(tokenAuthFile === undefined ? {} : { tokenAuthFile }),
    anonymousAuth: options.anonymousAuth === "true",
    enableBootstrapTokenAuth: options.enableBootstrapTokenAuth,
    serviceAccountIssuers: [issuer, ...formerIssuers],
    apiAudiences: apiAudiences.split(",").filter((audience) => audience !== ""),
    ...(serviceAccountSigningKeyFile === undefined ? {} : { serviceAccountSigningKeyFile }),
    serviceAccountKeyFiles: options.serviceAccountKeyFile,
  };
}

/** The same flags for a process of one's own. */
export function accessArguments(options: AccessOptions): string[] {
  const { tokenAuthFile, serviceAccountSigningKeyFile: signing, apiAudiences } = options;
  return [
    ...(tokenAuthFile === undefined ? [] : ["--token-auth-file", resolve(tokenAuthFile)]),
    ...["--anonymous-auth", options.anonymousAuth],
    ...(options.enableBootstrapTokenAuth ? ["--enable-bootstrap-token-auth"] : []),
    ...options.serviceAccountIssuer.flatMap((issuer) => ["--service-account-issuer", issuer]),
    ...(apiAudiences === undefined ? [] : ["--api-audiences", apiAudiences]),
    ...(signing === undefined ? [] : ["--service-account-signing-key-file", resolve(signing)]),
    ...options.serviceAccountKeyFile.flatMap((file) => ["--service-account-key-file", resolve(file)]),
  ];
}
