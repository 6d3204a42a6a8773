/**
 * Pseudo-random choices: the same seed gives the same choices.
 */
import { generator } from "../../random.js"

export interface Dice {
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number
  readonly chance: (probability: number) => boolean
  /** A whole number from `least` to `most`, both inclusive. */
  readonly whole: (least: number, most: number) => number
  readonly between: (least: number, most: number) => number
  readonly pick: <A>(...choices: readonly [A, ...Array<A>]) => A
}

export const make = (...numbers: ReadonlyArray<number>): Dice => {
  const random = generator(numbers.reduce(mix, 0x9e3779b9))
  const whole = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))
  return {
    random,
    whole,
    chance: (probability) => random() < probability,
    between: (least, most) => least + random() * (most - least),
    pick: (...choices) => choices[whole(0, choices.length - 1)] ?? choices[0]
  }
}

const mix = (hash: number, n: number) => {
  const t = Math.imul(hash ^ n, 0x85ebca6b)
  return Math.imul(t ^ (t >>> 13), 0xc2b2ae35) ^ (t >>> 16)
}
