/** Something to be said of a place in a text. */
export interface Mark {
  severity: "error" | "warning" | "note";
  message: string;
  /** From 1; none for the text as a whole. */
  line?: number;
  column?: number;
  /** In JSON: the path, such as `properties.book.type`. */
  path?: string;
}
