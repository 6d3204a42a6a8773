import { suite } from "./behind.js"
import { haproxy } from "./proxies.js"

suite("HAProxy, as the README shows it", haproxy)
