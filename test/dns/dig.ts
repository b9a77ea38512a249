/** The real `dig` of Debian's bind9-dnsutils as a client. */
import { execFile, spawnSync } from "node:child_process";

export interface Dug {
  readonly status: string;
  readonly flags: readonly string[];
  /** `name type data`, sorted, without the time to live. */
  readonly answers: readonly string[];
  readonly ttls: readonly number[];
  /** Types of the authority section. */
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  readonly text: string;
}

/** For `skip`. With CI=true it never skips: what CI lacks, CI installs. */
export function withoutDig(): string | false {
  if (process.env["CI"] === "true" || spawnSync("which", ["dig"]).status === 0) return false;
  return "dig is not installed (Debian: apt install bind9-dnsutils)";
}

export async function dig(port: number, ...args: string[]): Promise<Dug> {
  const flags = ["@127.0.0.1", "-p", String(port), "+tries=1", "+time=3", "+nocookie"];
  const text = await new Promise<string>((resolve, reject) => {
    execFile("dig", [...flags, ...args], { timeout: 20_000 }, (error, stdout) => {
      if (error && stdout === "") reject(error);
      else resolve(stdout);
    });
  });
  const section = (name: string): string[][] => {
    const [, body = ""] = new RegExp(`;; ${name} SECTION:\\n([^]*?)(\\n\\n|\\n;;)`).exec(text) ?? [];
    return body
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(";"))
      .map((line) => line.split(/\s+/));
  };
  const short = ([name, , , type, ...data]: string[]): string => `${name} ${type} ${data.join(" ")}`;
  const answers = section("ANSWER");
  return {
    status: /status: (\w+)/.exec(text)?.[1] ?? "none",
    flags: /;; flags: ([^;]*);/.exec(text)?.[1]?.split(" ") ?? [],
    answers: answers.map(short).sort(),
    ttls: answers.map(([, ttl]) => Number(ttl)),
    authority: section("AUTHORITY").map(([, , , type]) => type as string),
    additional: section("ADDITIONAL").map(short).sort(),
    text,
  };
}
