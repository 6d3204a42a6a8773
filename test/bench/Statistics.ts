/**
 * What many numbers come to.
 */

const sorted = (values: ReadonlyArray<number>) => [...values].toSorted((a, b) => a - b)

/** The value that `share` of all values do not exceed. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const ascending = sorted(values)
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => {
  const ascending = sorted(values)
  const middle = (ascending.length - 1) / 2
  return ((ascending[Math.floor(middle)] ?? Number.NaN) + (ascending[Math.ceil(middle)] ?? Number.NaN)) / 2
}

/** How far the values lie apart, as a share of their median. */
export const spread = (values: ReadonlyArray<number>): number =>
  (Math.max(...values) - Math.min(...values)) / median(values)
