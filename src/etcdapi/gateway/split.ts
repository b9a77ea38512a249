/** Cuts a text that arrives in pieces into its top-level JSON objects, without parsing them. */
export class JsonSplitter {
  readonly #charactersMax: number;
  #text = "";
  /** Up to here the text has been looked at. */
  #at = 0;
  #depth = 0;
  #inString = false;

  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  /** What has not been part of a whole value yet. */
  get rest(): string {
    return this.#text.trim();
  }

  /** The objects that are complete now. Undefined when one is longer than the bound. */
  push(piece: string): string[] | undefined {
    this.#text += piece;
    const values: string[] = [];
    let start = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (this.#inString) {
        if (character === "\\") this.#at++;
        else if (character === '"') this.#inString = false;
      } else if (character === '"') {
        this.#inString = true;
      } else if (character === "{" || character === "[") {
        this.#depth++;
      } else if (character === "}" || character === "]") {
        this.#depth--;
        if (this.#depth > 0) continue;
        this.#depth = 0;
        values.push(this.#text.slice(start, this.#at + 1));
        start = this.#at + 1;
      }
    }
    this.#text = this.#text.slice(start);
    this.#at -= start;
    return this.#text.length > this.#charactersMax ? undefined : values;
  }
}
