/** Who an image's program runs as, by the image's own /etc/passwd and /etc/group. */

export interface ImageUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

/** A name that the image does not know. */
export class UserError extends Error {}

/** `user` as an image's configuration has it: a name or number, and perhaps a group after a colon. @throws UserError */
export function userIn(user: string, files: { readonly passwd: string; readonly group: string }): ImageUser {
  const [name = "", groupName = ""] = user.split(":");
  const wanted = name === "" ? "0" : name;
  const entry = rowsOf(files.passwd).find((row) =>
    isNumber(wanted) ? row[2] === wanted : row[0] === wanted,
  );
  const uid = numberOf(
    isNumber(wanted) ? wanted : entry?.[2],
    `unable to find user ${wanted}: no matching entries in passwd file`,
  );
  const groups = rowsOf(files.group);
  const group = groups.find((row) => (isNumber(groupName) ? row[2] === groupName : row[0] === groupName));
  const gid =
    groupName === ""
      ? Number(entry?.[3] ?? 0)
      : numberOf(
          isNumber(groupName) ? groupName : group?.[2],
          `unable to find group ${groupName}: no matching entries in group file`,
        );
  const login = entry?.[0];
  const others =
    login === undefined || groupName !== "" ? [] : groups.filter((row) => row[3]?.split(",").includes(login));
  return {
    uid,
    gid: Number.isSafeInteger(gid) ? gid : 0,
    groups: others.map((row) => Number(row[2])).filter(Number.isSafeInteger),
    home: entry?.[5] || "/",
  };
}

const rowsOf = (text: string): string[][] => text.split("\n").map((line) => line.trim().split(":"));

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text);

function numberOf(text: string | undefined, otherwise: string): number {
  if (text === undefined || !isNumber(text)) throw new UserError(otherwise);
  return Number(text);
}
