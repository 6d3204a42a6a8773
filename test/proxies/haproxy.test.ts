import { suite } from "./behind.js"
import { haproxy } from "./proxies.js"

suite("HAProxy, as examples/deploy configures it", "haproxy", haproxy)
