import { suite } from "./behind.js"
import { caddy } from "./proxies.js"

suite("Caddy, as examples/deploy configures it", "caddy", caddy)
