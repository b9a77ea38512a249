import {
  type Cidr,
  type FieldError,
  field,
  type IpAddress,
  parseCidr,
  parseIp,
} from "../../apimachinery/index.ts";

export function validateCidr(path: string, text: string): FieldError[] {
  if (parseCidr(text) !== undefined) return [];
  return [field.invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")];
}

const within = (ip: IpAddress, cidr: string): boolean => {
  const range = parseCidr(cidr) as Cidr;
  return range.family === ip.family && ip.value >= range.base && ip.value <= range.last;
};

/** Where programs that listen nowhere else are. */
const machineAddress = "127.0.0.1";

/**
 * Addresses that traffic must not be sent to on somebody else's word: a Service or an endpoint that names them would reach
 * into the node itself. Upstream's ValidateNonSpecialIP. `localPodCidr`: loopback addresses that are pods, none by default;
 * where there are some, the cluster runs programs of its own machine, and others there (`raftsman register`) may be endpoints as well.
 */
export function validateNonSpecialIp(path: string, text: string, localPodCidr?: string): FieldError[] {
  const ip = parseIp(text);
  if (ip === undefined) return [field.invalid(path, text, "must be a valid IP address")];
  const errors: FieldError[] = [];
  if (ip.value === 0n) errors.push(field.invalid(path, text, `may not be unspecified (${text})`));
  const isOfMachine = localPodCidr !== undefined && (within(ip, localPodCidr) || text === machineAddress);
  if (!isOfMachine && (within(ip, "127.0.0.0/8") || within(ip, "::1/128"))) {
    errors.push(field.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"));
  }
  if (within(ip, "169.254.0.0/16") || within(ip, "fe80::/10")) {
    errors.push(field.invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
  }
  if (within(ip, "224.0.0.0/24") || within(ip, "ff02::/16")) {
    errors.push(
      field.invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    );
  }
  return errors;
}
