/** What the API says when it refuses: a sentence, and which fields are meant. */

export interface FieldProblem {
  /** Such as `scenarios[2].userSays`. */
  field: string;
  message: string;
}

interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: FieldProblem[];
}

/** Thrown by everything that talks to the API; `message` is a sentence for people. */
export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    message: string,
    /** The HTTP status; 0 if the server was not reached. */
    readonly status: number,
    readonly fields: readonly FieldProblem[] = [],
    /** The problem's type, such as `code_needed`; "" for none. */
    readonly code = "",
  ) {
    super(message);
  }

  /** What is wrong with this field, or undefined. */
  field(name: string): string | undefined {
    return this.fields.find((each) => each.field === name)?.message;
  }
}

/** An error of the API from the body and status of its answer. */
export function apiError(body: unknown, status: number): ApiError {
  if (typeof body === "object" && body !== null && ("title" in body || "detail" in body)) {
    const problem = body as Problem;
    const fields = problem.errors ?? [];
    const type = problem.type ?? "";
    const code = type === "about:blank" ? "" : (type.split(/[/:#]/).at(-1) ?? "");
    return new ApiError(sentence(problem, fields), status, fields, code);
  }
  if (status === 401) return new ApiError("You are not signed in.", status);
  if (status >= 500) {
    return new ApiError(`The server failed (${status}). Its log says why.`, status);
  }
  return new ApiError(`The server answered with ${status}.`, status);
}

function sentence(problem: Problem, fields: readonly FieldProblem[]): string {
  const detail =
    problem.detail ||
    fields.map((each) => (each.field ? `${each.field}: ${each.message}` : each.message)).join("; ");
  const text = detail || problem.title || "The server refused.";
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Any thrown thing as a sentence. */
export function sentenceOf(error: unknown): string {
  if (error instanceof Error && error.message) return error.message;
  return "Something went wrong.";
}
