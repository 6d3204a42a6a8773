/**
 * What this page needs of the DOM and its types do not say.
 */

/** An element that the page is known to have. */
export const find = <E extends Element>(parent: ParentNode, selector: string, type: new() => E): E => {
  const found = parent.querySelector(selector)
  if (found instanceof type) {
    return found
  }
  throw new Error(`the page has no ${selector}`)
}

/** Leaves alone what says so already: a selection in it stays. */
export const say = (element: Element, text: string): void => {
  if (element.textContent !== text) {
    element.textContent = text
  }
}
