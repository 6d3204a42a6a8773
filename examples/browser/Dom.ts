/**
 * Helpers for the DOM that its types do not offer.
 */

/** An element that must exist. */
export const find = <E extends Element>(parent: ParentNode, selector: string, type: new() => E): E => {
  const found = parent.querySelector(selector)
  if (found instanceof type) {
    return found
  }
  throw new Error(`the page has no ${selector}`)
}

/** Sets a text only if it differs, so that a selection in it stays. */
export const say = (element: Element, text: string): void => {
  if (element.textContent !== text) {
    element.textContent = text
  }
}
