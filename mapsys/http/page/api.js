/** Asks the API of this server. */

const BASE = "api/v1/";
const PATIENCE_MILLISECONDS = 10_000;
const PAGE_ITEMS = 500;
const TOKEN_KEPT_AS = "mapsys-token";

/** An error of the API. slug: the last part of its type. */
export class Problem extends Error {
  constructor(status, slug, title, detail) {
    super(detail ? `${title}: ${detail}` : title);
    this.status = status;
    this.slug = slug;
  }
}

/** Nothing answered. */
export class Unreachable extends Error {}

/** Whether an error is one of those two: the connection's banner or the view says it, and it may pass. */
export function isFailure(error) {
  return error instanceof Problem || error instanceof Unreachable;
}

/** The JSON at a path below /api/v1. parameters: null leaves one out. */
export async function get(path, parameters = {}, signal = null) {
  return (await ask(BASE + target(path, parameters), {}, signal)).json();
}

/** The same; null where the API answers with the problem of this name. */
export async function getUnless(slug, path, parameters = {}, signal = null) {
  try {
    return await get(path, parameters, signal);
  } catch (error) {
    if (error.slug === slug) return null;
    throw error;
  }
}

/** What comes back on posting a body as JSON. */
export async function post(path, body, signal = null) {
  const options = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return (await ask(BASE + path, options, signal)).json();
}

/** The pages of a list, one after the other: {items, next, ...}. */
export async function* pages(path, parameters = {}, signal = null) {
  let cursor = null;
  do {
    const page = await get(path, { limit: PAGE_ITEMS, ...parameters, cursor }, signal);
    yield page;
    cursor = page.next;
  } while (cursor !== null);
}

/** All items of a list. */
export async function all(path, parameters = {}, signal = null) {
  const found = [];
  for await (const page of pages(path, parameters, signal)) found.push(...page.items);
  return found;
}

/** Text at a path of this server, outside of the API. */
export async function text(path) {
  return (await ask(path, {}, null)).text();
}

/** A response whose body is read as it comes. */
export function stream(path, headers, signal) {
  return ask(BASE + path, { headers }, signal, null);
}

/** Send this token with every question from now on, until the tab is closed. */
export function useToken(token) {
  sessionStorage.setItem(TOKEN_KEPT_AS, token);
}

/** A path made of parts, each encoded. */
export function path(...parts) {
  return parts.map(encodeURIComponent).join("/");
}

function target(to, parameters) {
  const chosen = Object.entries(parameters).filter(([, value]) => value !== null && value !== "");
  const query = new URLSearchParams(chosen.map(([name, value]) => [name, String(value)])).toString();
  return query ? `${to}?${query}` : to;
}

async function ask(url, options, signal, patience = PATIENCE_MILLISECONDS) {
  const headers = { ...options.headers };
  const token = sessionStorage.getItem(TOKEN_KEPT_AS);
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const ends = [signal, patience === null ? null : AbortSignal.timeout(patience)].filter(Boolean);
  let response;
  try {
    response = await fetch(url, { ...options, headers, signal: AbortSignal.any(ends) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable("the server does not answer", { cause: error });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response) {
  const kind = response.headers.get("Content-Type") ?? "";
  if (!kind.startsWith("application/problem+json")) {
    return new Problem(response.status, "", `the server answered ${response.status}`, "");
  }
  const body = await response.json();
  return new Problem(response.status, body.type.split("/").pop(), body.title, body.detail);
}
