/** The page's own addresses: "#/sites/site-one?state=partial", read and written. */

/** {parts: ["sites", "site-one"], query: URLSearchParams} of the address in the browser. */
export function currentRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { parts: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

/** The address of a view. parts: unencoded; query: empty values are left out. */
export function address(parts, query = {}) {
  const chosen = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const rest = new URLSearchParams(chosen.map(([name, value]) => [name, String(value)])).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${rest && `?${rest}`}`;
}

/** The address of one EID's view. */
export function eidAddress(eid, instanceId = 0) {
  return address(["eids", eid], { "instance-id": instanceId || null });
}

/** The address of one site's view. */
export function siteAddress(name) {
  return address(["sites", name]);
}

/** Keep a view's settings in the address, without a step in the browser's history. */
export function rememberQuery(query) {
  const { parts } = currentRoute();
  history.replaceState(null, "", address(parts, query));
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}
