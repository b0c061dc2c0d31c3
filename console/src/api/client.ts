/** The API with the types of its own document (`console/openapi.json`). */
import createClient from "openapi-fetch";

import { ApiError, apiError } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Check that it runs and try again.", 0);
  }
}

/** `await told(api.GET("/api/personas/{id}", {params: {path: {id}}}))` */
export const api = createClient<paths>({ baseUrl: "", credentials: "same-origin", fetch: reach });

interface Told<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's body. Throws ApiError. */
export async function told<T>(answer: Promise<Told<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw apiError(error, response.status);
  return data as T;
}

/** For paths that the document does not have yet. Throws ApiError. */
export async function ask<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const init: RequestInit = { method, credentials: "same-origin", ...(signal && { signal }) };
  if (body !== undefined) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  const response = await reach(new Request(path, init));
  const text = await response.text();
  let read: unknown;
  try {
    read = text ? JSON.parse(text) : undefined;
  } catch {
    read = undefined;
  }
  if (!response.ok) throw apiError(read, response.status);
  return read as T;
}
