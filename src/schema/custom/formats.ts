import { ipErrors, parseDuration } from "../../apimachinery/index.ts";
import { isBase64 } from "../scalars.ts";

/** Formats of texts that a schema may ask for, by name without dashes: k8s.io/kube-openapi/pkg/validation/strfmt. */
type FormatCheck = (text: string) => boolean;

const uuid = (versionDigits: string, variant: string): RegExp =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${versionDigits}-?${variant}-?[0-9a-f]{12}$`, "i");

const byExpression =
  (expression: RegExp): FormatCheck =>
  (text) =>
    expression.test(text);

const colorPart = "\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*";
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const checks: ReadonlyMap<string, FormatCheck> = new Map<string, FormatCheck>([
  ["bsonobjectid", byExpression(/^[0-9a-fA-F]{24}$/)],
  ["uri", isRequestUri],
  ["email", isEmail],
  ["hostname", isHostname],
  ["ipv4", isIpv4],
  ["ipv6", isIpv6],
  ["cidr", isCidr],
  [
    "mac",
    byExpression(/^([0-9a-f]{2}([:-]))([0-9a-f]{2}\2){4}[0-9a-f]{2}$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i),
  ],
  ["uuid", byExpression(uuid("[0-9a-f]{4}", "[0-9a-f]{4}"))],
  ["uuid3", byExpression(uuid("3[0-9a-f]{3}", "[0-9a-f]{4}"))],
  ["uuid4", byExpression(uuid("4[0-9a-f]{3}", "[89ab][0-9a-f]{3}"))],
  ["uuid5", byExpression(uuid("5[0-9a-f]{3}", "[89ab][0-9a-f]{3}"))],
  ["isbn", (text) => isIsbn10(text) || isIsbn13(text)],
  ["isbn10", isIsbn10],
  ["isbn13", isIsbn13],
  ["creditcard", isCreditCard],
  ["ssn", byExpression(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/)],
  ["hexcolor", byExpression(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ["rgbcolor", byExpression(new RegExp(`^rgb\\(${colorPart},${colorPart},${colorPart}\\)$`))],
  ["byte", (text) => text !== "" && isBase64(text)],
  ["password", () => true],
  ["date", isDate],
  ["duration", isDuration],
  ["datetime", isDateTime],
  ["k8sshortname", (text) => text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)],
  [
    "k8slongname",
    (text) =>
      text.length <= 253 && text.split(".").every((part) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(part)),
  ],
]);

/** How a format is checked; undefined for one that is not known, which is then not looked at. */
export function formatCheck(format: string): FormatCheck | undefined {
  return checks.get(format.replaceAll("-", ""));
}

function isIpv4(text: string): boolean {
  return !text.includes(":") && ipErrors(text).length === 0;
}

function isIpv6(text: string): boolean {
  return text.includes(":") && ipErrors(text).length === 0;
}

function isRequestUri(text: string): boolean {
  if (text === "" || text.includes("#")) return false;
  if (text.startsWith("/")) return !/[\s\p{Cc}]/u.test(text);
  return /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text);
}

function isEmail(text: string): boolean {
  const address = /^[^<>]*<([^<>]+)>$/.exec(text)?.[1] ?? text;
  const at = address.lastIndexOf("@");
  return at > 0 && at < address.length - 1 && !/[\s,;:<>()[\]\\]/.test(address) && !address.includes("..");
}

/** Labels of letters, digits, symbols and inner dashes; the last one, where there are several, of letters. */
function isHostname(text: string): boolean {
  if (text === "" || Buffer.byteLength(text) > 255) return false;
  const labels = text.split(".");
  if (labels.some((label) => label === "" || Buffer.byteLength(label) > 63)) return false;
  if (labels.length === 1) return /^[a-zA-Z0-9\p{S}\p{L}](-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?$/u.test(text);
  const last = labels.pop() as string;
  const inner = /^[a-zA-Z0-9\p{S}\p{L}]([-a-zA-Z0-9\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?$/u;
  return labels.every((label) => inner.test(label)) && /^[a-zA-Z\p{L}]{2,63}$/u.test(last);
}

function isCidr(text: string): boolean {
  const [address = "", bits = "", ...rest] = text.split("/");
  if (rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return false;
  return isIpv4(address) ? Number(bits) <= 32 : isIpv6(address) && Number(bits) <= 128;
}

function digitsOf(text: string): string {
  return text.replace(/[\s-]+/g, "");
}

function isIsbn10(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^(\d{9}X|\d{10})$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += (10 - i) * (digits[i] === "X" ? 10 : Number(digits[i]));
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{13}$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < 13; i++) sum += (i % 2 === 0 ? 1 : 3) * Number(digits[i]);
  return sum % 10 === 0;
}

const cardNumber =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;

function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D+/g, "");
  if (!cardNumber.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

function isDate(text: string): boolean {
  const [, year = "", month = "", day = ""] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (year === "") return false;
  const days = monthDays[Number(month) - 1] ?? 0;
  if (Number(day) < 1 || Number(day) > days) return false;
  const isLeap = Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0);
  return Number(month) !== 2 || Number(day) <= 28 || isLeap;
}

/** RFC 3339 as go-openapi reads it: any case, the zone with or without a colon or left out, a second 60 only where Go's clock has one. */
function isDateTime(text: string): boolean {
  const parts = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?([Zz]|[+-]\d{2}:?\d{2})$/.exec(
    text,
  );
  if (parts === null || !isDate(parts[1] as string)) return false;
  return Number(parts[2]) < 24 && Number(parts[3]) < 60 && Number(parts[4]) < 60;
}

const durationUnit = /(\d+)\s*([A-Za-z\u00b5]+)/g;
const unitNames =
  /^(ns|nano.*|us|\u00b5s|micro.*|ms|milli.*|s|sec.*|m|min.*|h|hr|hour.*|d|day.*|w|wk|week.*)$/;

function isDuration(text: string): boolean {
  if (parseDuration(text) !== undefined) return true;
  for (const [, , unit = ""] of text.matchAll(durationUnit))
    if (unitNames.test(unit.toLowerCase())) return true;
  return false;
}
