/**
 * All that is measured, in this order.
 */
import type { Scenario } from "./Scenario.js"
import * as Beside from "./scenarios/beside.js"
import * as Bulk from "./scenarios/bulk.js"
import * as Clients from "./scenarios/clients.js"
import * as Concat from "./scenarios/concat.js"
import * as Held from "./scenarios/held.js"
import * as Rest from "./scenarios/rest.js"
import * as Small from "./scenarios/small.js"
import * as Sweep from "./scenarios/sweep.js"
import * as Takeover from "./scenarios/takeover.js"

export const scenarios: ReadonlyArray<Scenario> = [
  ...Bulk.scenarios,
  ...Concat.scenarios,
  ...Beside.scenarios,
  ...Takeover.scenarios,
  ...Rest.scenarios,
  ...Held.scenarios,
  ...Small.scenarios,
  ...Sweep.scenarios,
  ...Clients.scenarios
]
