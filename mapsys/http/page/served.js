/** The paths that this server has, so that the page offers nothing that is not there. */

import { servedPaths } from "./api.js";

/** Empty until read. */
export const served = new Set();

/** Ask once, at the start; rejects as the API does. */
export async function readServed() {
  for (const path of await servedPaths()) served.add(path);
}
