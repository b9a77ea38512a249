/** RFC 7541, Appendix A: entries 1 to 61, "name" or "name: value". */
const staticEntries = `:authority
:method: GET
:method: POST
:path: /
:path: /index.html
:scheme: http
:scheme: https
:status: 200
:status: 204
:status: 206
:status: 304
:status: 400
:status: 404
:status: 500
accept-charset
accept-encoding: gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`.split("\n");

/** Index 0 is nobody's (section 6.1). */
export const staticNames: readonly string[] = ["", ...staticEntries.map((entry) => partsOf(entry)[0])];
export const staticValues: readonly string[] = ["", ...staticEntries.map((entry) => partsOf(entry)[1])];
export const staticCount = staticEntries.length;

function partsOf(entry: string): [string, string] {
  // A pseudo-header field begins with the colon that separates others.
  const colon = entry.indexOf(": ");
  return colon < 0 ? [entry, ""] : [entry.slice(0, colon), entry.slice(colon + 2)];
}

/** Section 4.1: what an entry takes beyond its characters. */
export const entryOverheadBytes = 32;

/** The dynamic table (section 2.3.2): a ring of the last entries, the newest first, within a number of bytes. */
export class DynamicTable {
  readonly #names: string[];
  readonly #values: string[];
  readonly #slots: number;
  #newest = 0;
  #count = 0;
  #bytes = 0;
  #bytesMax: number;
  /** Changes with every change of the table. */
  generation = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#slots = Math.ceil(bytesMax / entryOverheadBytes) + 1;
    this.#names = new Array<string>(this.#slots).fill("");
    this.#values = new Array<string>(this.#slots).fill("");
  }

  get count(): number {
    return this.#count;
  }

  /** `index`: 0 is the newest. */
  name(index: number): string {
    return this.#names[this.#slot(index)] as string;
  }

  value(index: number): string {
    return this.#values[this.#slot(index)] as string;
  }

  /** Section 4.4: makes room first; what is larger than the table empties it. */
  insert(name: string, value: string): void {
    this.generation++;
    const bytes = name.length + value.length + entryOverheadBytes;
    this.#evictTo(this.#bytesMax - bytes);
    if (bytes > this.#bytesMax) return;
    this.#newest = (this.#newest + this.#slots - 1) % this.#slots;
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Section 4.3. */
  resize(bytesMax: number): void {
    this.generation++;
    this.#bytesMax = bytesMax;
    this.#evictTo(bytesMax);
  }

  #evictTo(bytesMax: number): void {
    while (this.#count > 0 && this.#bytes > bytesMax) {
      const slot = this.#slot(this.#count - 1);
      this.#bytes -=
        (this.#names[slot] as string).length + (this.#values[slot] as string).length + entryOverheadBytes;
      this.#names[slot] = "";
      this.#values[slot] = "";
      this.#count--;
    }
  }

  #slot(index: number): number {
    return (this.#newest + index) % this.#slots;
  }
}
