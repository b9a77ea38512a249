import { type InspectColor, styleText } from "node:util";

/** Text in a colour or weight: on a terminal only, and as NO_COLOR and FORCE_COLOR say. */
export function paint(
  style: InspectColor | readonly InspectColor[],
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(style as InspectColor, text, { stream });
}
