/**
 * `$(NAME)` becomes the variable's value where there is one and stays as it is where there is none; `$$` is a dollar, so that
 * `$$(NAME)` is never expanded. Upstream's k8s.io/kubernetes/third_party/forked/golang/expansion.
 */
export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  let result = "";
  let from = 0;
  for (let at = text.indexOf("$"); at !== -1 && at + 1 < text.length; at = text.indexOf("$", from)) {
    result += text.slice(from, at);
    const next = text[at + 1];
    if (next === "$") {
      result += "$";
      from = at + 2;
    } else if (next === "(") {
      const end = text.indexOf(")", at + 2);
      if (end === -1) {
        // Never closed: what it says is what it is.
        result += "$(";
        from = at + 2;
      } else {
        result += lookUp(text.slice(at + 2, end)) ?? text.slice(at, end + 1);
        from = end + 1;
      }
    } else {
      // `$x` is no reference.
      result += text.slice(at, at + 2);
      from = at + 2;
    }
  }
  return result + text.slice(from);
}
