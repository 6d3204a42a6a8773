/**
 * Interruptions at an exact place.
 */
import * as FiberId from "effect/FiberId"
import * as Scheduler from "effect/Scheduler"

/** A scheduler for one fiber, which it interrupts before the operation with this number, counted from 1. */
export const interruptingBefore = (operation: number): Scheduler.Scheduler => {
  let begun = 0
  return {
    shouldYield: (fiber) => {
      if (++begun === operation) {
        fiber.unsafeInterruptAsFork(FiberId.none)
      }
      return false
    },
    scheduleTask: (task, priority, fiber) => Scheduler.defaultScheduler.scheduleTask(task, priority, fiber)
  }
}
