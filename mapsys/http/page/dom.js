/** Makes elements. Whatever comes from outside becomes text here, never markup. */

/**
 * An element with its children.
 *
 * properties: attributes by name; those that begin with "on" are listeners.
 * null, undefined and false leave an attribute out, true sets it empty.
 * children: nodes, texts and numbers; null and undefined are left out.
 */
export function make(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function makeSvg(tag, properties = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/** A link to a view of this page. */
export function link(target, text, properties = {}) {
  return make("a", { href: target, ...properties }, text);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined).map(nodeOf));
  return element;
}

function nodeOf(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
