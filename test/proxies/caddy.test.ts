import { suite } from "./behind.js"
import { caddy } from "./proxies.js"

suite("Caddy, as the README shows it", caddy)
