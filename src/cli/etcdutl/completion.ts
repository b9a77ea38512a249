/** Scripts that let a shell complete commands and flags. */
import type { UtlCommand } from "./command.ts";

export const shells: readonly string[] = ["bash", "zsh", "fish", "powershell"];

/** @throws Error: there is none for this shell */
export function completionOf(root: UtlCommand, shell: string): string {
  const choices = choicesOf(root);
  if (shell === "bash") return bash(root.name, choices);
  if (shell === "zsh") return `autoload -U +X bashcompinit && bashcompinit\n${bash(root.name, choices)}`;
  if (shell === "fish")
    return choices
      .map(({ path, words }) => {
        const given = [root.name, ...path].map((word) => `${word} `).join("");
        return `complete -c ${root.name} -n 'string match -q -- "${given}*" (commandline -cp)' -a '${words.join(" ")}'\n`;
      })
      .join("");
  throw new Error(`there is no completion for ${shell} here: bash, zsh and fish have one`);
}

/** What may come behind the words of a path; the longest paths first. */
interface Choices {
  readonly path: readonly string[];
  readonly words: readonly string[];
}

function choicesOf(command: UtlCommand, path: readonly string[] = []): Choices[] {
  const { commands = [], flags = [], choices = [] } = command;
  const words = [...commands.map(({ name }) => name), ...choices, ...flags.map(({ name }) => `--${name}`)];
  return [...commands.flatMap((one) => choicesOf(one, [...path, one.name])), { path, words }];
}

function bash(name: string, choices: readonly Choices[]): string {
  const cases = choices.map(
    ({ path, words }) => `    *" ${[name, ...path].join(" ")} "*) words="${words.join(" ")}" ;;\n`,
  );
  return `_${name}() {
  local words="" current="\${COMP_WORDS[COMP_CWORD]}"
  case " ${name} \${COMP_WORDS[*]:1:COMP_CWORD-1} " in
${cases.join("")}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}
complete -o filenames -F _${name} ${name}
`;
}
