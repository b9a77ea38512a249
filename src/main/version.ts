import manifest from "../../package.json" with { type: "json" };

export const raftsmanVersion: string = manifest.version;
