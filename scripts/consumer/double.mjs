// What a thread of @q/parallel runs, started from both kinds of modules.
export function double(n) {
  return n * 2
}
