import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Either from "effect/Either"
import * as Location from "../../src/client/requests/Location.js"

const check = (endpoint: string, location: string, allowed: ReadonlyArray<string> = []) =>
  Either.getOrUndefined(Location.check(endpoint, location, allowed))

describe("Location", () => {
  it("stays with the host that was asked", () => {
    deepStrictEqual(check("https://a/files", "https://a/files/1"), { url: "https://a/files/1", crossOrigin: false })
    deepStrictEqual(check("http://a:1080/files", "http://a:1080/x/1?y"), {
      url: "http://a:1080/x/1?y",
      crossOrigin: false
    })
  })

  it("goes to another host or port only where that is allowed, as a stranger", () => {
    for (const location of ["https://b/files/1", "https://a:8443/files/1", "http://a:8080/files/1", "https://a.b/1"]) {
      assert.isUndefined(check("https://a/files", location))
      deepStrictEqual(check("https://a/files", location, [new URL(location).host]), {
        url: location,
        crossOrigin: true
      })
    }
  })

  it("is never led from https to http on the same host", () => {
    deepStrictEqual(check("https://a/files", "http://a/files/1"), { url: "https://a/files/1", crossOrigin: false })
    deepStrictEqual(check("https://a:8443/files", "http://a/files/1"), {
      url: "https://a:8443/files/1",
      crossOrigin: false
    })
  })

  it("follows nothing but http and https", () => {
    for (const location of ["ftp://a/1", "file:///etc/passwd", "data:,1"]) {
      assert.isUndefined(check("https://a/files", location, ["a", ""]))
    }
  })
})
