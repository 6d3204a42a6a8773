/**
 * The network: requests and answers are lost, delayed, duplicated or truncated; connections break or hang.
 */
import { Pull } from "effect-tus"
import { TusTransport } from "effect-tus/client"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as RaceAndWait from "../../../src/client/transport/RaceAndWait.js"
import * as StallTimeout from "../../../src/client/transport/StallTimeout.js"
import type { RawResponse } from "../../../src/wire/Message.js"
import { framing, serve } from "../../loopback.js"
import { Arriving, type Exchange, isChecked } from "./Connection.js"
import type { Dice } from "./Dice.js"
import type { Process } from "./Kernel.js"
import type { Task } from "./Story.js"
import type { World } from "./World.js"

export const endpoint = "http://simulated/files"

/** The request that a server fiber works for; undefined for work of the server itself. */
export const origin = FiberRef.unsafeMake<Exchange | undefined>(undefined)

let caller: Exchange | undefined

/** Runs something elsewhere that a fiber has asked for on behalf of a request. */
export const onBehalfOf = <A>(exchange: Exchange | undefined, run: () => A): A => {
  const before = caller
  caller = exchange
  try {
    return run()
  } finally {
    caller = before
  }
}

/** The request that the running code works for. */
export const currentOrigin = () =>
  caller ?? Option.flatMap(Fiber.getCurrentFiber(), (fiber) => Option.fromNullable(fiber.getFiberRef(origin))).pipe(
    Option.getOrUndefined
  )

type Answer = Deferred.Deferred<RawResponse, TusTransport.TransportError>

/** One connection in the network. */
interface Line {
  readonly answer: Answer
  readonly arrivals: Array<Exchange>
  /** The arrival time of what was sent last; nothing overtakes it. */
  arrives: number
  /** Nothing passes any more. */
  broken: boolean
}

const error = (reason: "Closed" | "Unreachable") => new TusTransport.TransportError({ reason, cause: "simulated" })

export class Network {
  private readonly lines = new Set<Line>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** The transport of one client. */
  layer(process: Process, { gap, nth, trailers }: Task): Layer.Layer<TusTransport.TusTransport> {
    return Layer.succeed(TusTransport.TusTransport, {
      trailers,
      bodyLimit: Infinity,
      send: (request) => StallTimeout.watched(request, (request) => this.send(process, nth, gap, request))
    })
  }

  /** A process has died: its connections are reset, or silent if the machine died, too. */
  crash(process: Process, silent: boolean): void {
    for (const line of this.lines) {
      if (line.arrivals.some((exchange) => exchange.process === process)) {
        line.broken = true
        if (!silent) {
          this.world.kernel.schedule(1, () => Deferred.unsafeDone(line.answer, Effect.fail(error("Closed"))))
        }
      }
    }
  }

  private send(client: Process, task: number, gap: number, request: TusTransport.Request) {
    return Effect.suspend(() => {
      const { dice, fault } = this.world.step("request", () => `${request.method} ${new URL(request.url).pathname}`)
      const line: Line = {
        answer: Deferred.unsafeMake(FiberId.none),
        arrivals: [],
        arrives: this.world.kernel.now,
        broken: false
      }
      this.lines.add(line)
      if (fault === "unreachable") {
        return Effect.zipRight(client.wait(dice.between(1, 200)), Effect.fail(error("Unreachable")))
      }
      if (fault === "lost request") {
        line.broken = true
        this.world.kernel.schedule(
          dice.between(1, 50_000),
          () => Deferred.unsafeDone(line.answer, Effect.fail(error("Closed")))
        )
      }
      this.deliver(
        line,
        fault === "late request" ? dice.between(5000, 60_000) : dice.between(0.5, 40),
        () => this.arrive(line, request, task, fault === "duplicate request" ? dice : undefined)
      )
      const limit = fault === "cut body" ? dice.whole(0, request.body?.length ?? 0) : Infinity
      const spoilt = fault === "spoilt body" && isChecked({ request }) ? dice.whole(0, request.body?.length ?? 0) : -1
      return RaceAndWait.first(
        Deferred.await(line.answer),
        Effect.zipRight(this.pump(line, client, gap, request, limit, spoilt), Effect.never)
      ).pipe(Effect.ensuring(Effect.sync(() => {
        this.lines.delete(line)
        this.deliver(line, 1, () => line.arrivals.forEach(({ body }) => body.cut()))
      })))
    })
  }

  /** Sends the body. */
  private pump(
    line: Line,
    client: Process,
    gap: number,
    { body, onSent }: TusTransport.Request,
    limit: number,
    spoilt: number
  ) {
    if (body === undefined) {
      return Effect.sync(() => this.deliver(line, 0.1, () => line.arrivals.forEach(({ body }) => body.end({}))))
    }
    let sent = 0
    return Pull.toStream(body.open).pipe(
      Stream.runForEach((lent) => {
        const bytes = new Uint8Array(lent)
        if (spoilt >= sent && spoilt < sent + bytes.length) {
          bytes[spoilt - sent] = (bytes[spoilt - sent] ?? 0) ^ 0x55
        }
        const { dice, fault } = this.world.step("packet", () => `${bytes.length} bytes`)
        const kept = bytes.subarray(0, Math.max(0, limit - sent))
        sent += bytes.length
        onSent?.(bytes.length)
        this.deliver(
          line,
          fault === "late packet" ? dice.between(1000, 45_000) : dice.between(0.2, 10),
          () => line.arrivals.forEach(({ body }) => body.push(kept))
        )
        if (sent > limit || fault === "reset") {
          this.reset(line)
        }
        return gap > 0 ? client.wait(gap) : Effect.void
      }),
      Effect.tap(() => {
        const trailers = body.trailers?.() ?? {}
        this.deliver(line, 0.1, () => line.arrivals.forEach(({ body }) => body.end(trailers)))
      })
    )
  }

  /** Delivers something to the server, unless the connection is broken by then. */
  private deliver(line: Line, delay: number, run: () => void): void {
    const { kernel } = this.world
    line.arrives = Math.max(line.arrives, kernel.now + delay)
    kernel.scheduleAt(line.arrives, () => {
      if (!line.broken) {
        run()
      }
    })
  }

  /** Resets the connection for both ends. */
  private reset(line: Line): void {
    this.deliver(line, 1, () => {
      line.broken = true
      line.arrivals.forEach(({ body }) => body.cut())
      Deferred.unsafeDone(line.answer, Effect.fail(error("Closed")))
    })
  }

  private arrive(line: Line, request: TusTransport.Request, task: number, duplicate: Dice | undefined): void {
    this.accept(line, request, task, true)
    if (duplicate !== undefined) {
      this.accept(line, request, task, false)
    }
  }

  private accept(line: Line, request: TusTransport.Request, task: number, answers: boolean): void {
    const host = this.world.servers.route()
    if (host === undefined) {
      if (answers) {
        line.broken = true
        this.world.kernel.schedule(1, () => Deferred.unsafeDone(line.answer, Effect.fail(error("Unreachable"))))
      }
      return
    }
    const headers = { ...request.headers, ...framing(request.body) }
    const announced = Number(headers["content-length"] ?? Infinity)
    const body = new Arriving(announced)
    const exchange: Exchange = {
      process: host.process,
      request,
      headers,
      body,
      troubles: this.world.troubles,
      task
    }
    line.arrivals.push(exchange)
    this.world.promises.arrived(exchange)
    host.process.fork(
      serve({
        method: request.method,
        url: request.url,
        headers,
        pull: body.pull,
        hasEnded: Number.isFinite(announced) ? () => body.isWhole : undefined,
        trailers: () => body.trailers
      }).pipe(Effect.locally(origin, exchange)),
      (exit) => {
        if (exit._tag === "Failure") {
          this.world.claim(false, "P8", () => `${request.method} is not answered: ${exit.cause.toString()}`)
        } else {
          this.world.promises.answered(exchange, exit.value)
          this.reply(line, exchange, exit.value, answers)
        }
      },
      host.runtime
    )
  }

  /** Sends the answer. From here on it counts as given, even if it never arrives. */
  private reply(line: Line, { process, request }: Exchange, response: RawResponse, answers: boolean): void {
    const { dice, fault } = this.world.step("answer", () => `${response.status} to ${request.method}`)
    if (!answers || line.broken || !process.alive) {
      return
    }
    const done: Effect.Effect<RawResponse, TusTransport.TransportError> =
      fault === "lost answer" || fault === "cut answer"
        ? Effect.fail(error("Closed"))
        : Effect.succeed(response)
    if (fault !== "silence") {
      const delay = fault === "late answer" ? dice.between(1000, 60_000) : dice.between(0.5, 40)
      this.world.kernel.schedule(delay, () => Deferred.unsafeDone(line.answer, done))
    }
  }
}
