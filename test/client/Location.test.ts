import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Either from "effect/Either"
import * as Location from "../../src/client/requests/Location.js"

const check = (endpoint: string, location: string, allowed: ReadonlyArray<string> = []) =>
  Either.getOrUndefined(Location.check(endpoint, location, allowed))

describe("Location", () => {
  it("stays on the host of the request", () => {
    deepStrictEqual(check("https://a/files", "https://a/files/1"), { url: "https://a/files/1", crossOrigin: false })
    deepStrictEqual(check("http://a:1080/files", "http://a:1080/x/1?y"), {
      url: "http://a:1080/x/1?y",
      crossOrigin: false
    })
  })

  it("leads to another host or port only if that is allowed, and then without the headers of the application", () => {
    for (const location of ["https://b/files/1", "https://a:8443/files/1", "http://a:8080/files/1", "https://a.b/1"]) {
      assert.isUndefined(check("https://a/files", location))
      deepStrictEqual(check("https://a/files", location, [new URL(location).host]), {
        url: location,
        crossOrigin: true
      })
    }
  })

  it("never leads from https to http on the same host", () => {
    deepStrictEqual(check("https://a/files", "http://a/files/1"), { url: "https://a/files/1", crossOrigin: false })
    deepStrictEqual(check("https://a:8443/files", "http://a/files/1"), {
      url: "https://a:8443/files/1",
      crossOrigin: false
    })
  })

  it("has to be an http or https URL", () => {
    for (const location of ["ftp://a/1", "file:///etc/passwd", "data:,1"]) {
      assert.isUndefined(check("https://a/files", location, ["a", ""]))
    }
  })
})
