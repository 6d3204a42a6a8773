/**
 * What a server cannot be run with.
 */
import * as Schema from "effect/Schema"

/** An option that means nothing. */
export class PolicyError extends Schema.TaggedError<PolicyError>("effect-tus/PolicyError")("PolicyError", {
  option: Schema.Literal("publicUrl", "trustedProxies", "cors.origins", "cors.allowedHeaders", "cors.exposedHeaders"),
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `${this.option}: expected ${this.expected}, got ${JSON.stringify(this.actual)}`
  }
}
