/** A failed file operation in Go's words: "open FILE: no such file or directory". */

const texts: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  EEXIST: "file exists",
  ENOSPC: "no space left on device",
  EROFS: "read-only file system",
  EMFILE: "too many open files",
};

/** `operation` is Go's word, such as "open"; an unknown error keeps its own message. */
export function goFileText(operation: string, path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const text = texts[code];
  // Go opens a folder like a file, and fails to read it.
  const failed = code === "EISDIR" && operation === "open" ? "read" : operation;
  if (text !== undefined) return `${failed} ${path}: ${text}`;
  return `${operation} ${path}: ${error instanceof Error ? error.message : String(error)}`;
}
