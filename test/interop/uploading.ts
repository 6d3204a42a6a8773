/**
 * A process that can be killed: it uploads a file with a journal and prints what happens.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { TusUpload, UploadJournal, type UploadOptions } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

export interface Told extends Pick<UploadOptions.UploadOptions, "endpoint" | "chunkSize" | "parallel" | "checksum"> {
  readonly file: string
  readonly journal: string
}

const { file, journal, ...options } = JSON.parse(process.argv[2] ?? "") as Told

const print = (line: unknown) => Console.log(JSON.stringify(line))

FileSource.make(file).pipe(
  Effect.map((source) => TusUpload.upload({ ...options, source, retry: Schedule.spaced("50 millis") })),
  Stream.unwrap,
  Stream.filter(({ event }) => event !== "Sent"),
  Stream.runForEach(({ acknowledged, event, problem, url }) =>
    print({
      event,
      acknowledged,
      url: Option.getOrUndefined(url),
      problem: Option.getOrUndefined(Option.map(problem, String))
    })
  ),
  Effect.catchAll((error) => print({ event: "Failed", tag: error._tag, message: error.message })),
  Effect.provide(Layer.merge(NodeTusClient.layer(), UploadJournal.layerFileSystem(journal))),
  Effect.provide([NodeFileSystem.layer, NodePath.layer]),
  NodeRuntime.runMain
)
