/**
 * Uploads a file and prints its progress. Interrupted (by Ctrl-C or `kill -9`) and run again, it resumes.
 *
 *     npx tsx examples/upload.ts film.mp4 http://127.0.0.1:1080/files
 */
import { NodeFileSystem, NodePath, NodeRuntime } from "@effect/platform-node"
import { Chunk, Console, Duration, Effect, Layer, Option, Stream } from "effect"
import { type Progress, TusUpload, UploadJournal } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"

const report = ({ acknowledged, elapsed, event, sent, total, url }: Progress.Progress) =>
  `${
    Duration.toSeconds(elapsed).toFixed(1)
  } s: ${event.toLowerCase()}, ${sent} bytes sent, ${acknowledged} acknowledged of ${
    Option.getOrElse(total, () => "unknown")
  }${event === "Complete" ? `, stored at ${Option.getOrElse(url, () => "")}` : ""}`

const [path = "README.md", endpoint = "http://127.0.0.1:1080/files"] = process.argv.slice(2)

FileSource.make(path).pipe(
  Effect.map((source) => TusUpload.upload({ endpoint, source, metadata: { filename: path } })),
  Stream.unwrap,
  // The last progress of each second.
  Stream.groupedWithin(1_000_000, "1 second"),
  Stream.runForEach((progress) => Console.log(report(Chunk.unsafeLast(progress)))),
  Effect.provide(Layer.merge(NodeTusClient.layer(), UploadJournal.layerFileSystem(".uploads"))),
  Effect.provide([NodeFileSystem.layer, NodePath.layer]),
  NodeRuntime.runMain
)
