/**
 * An S3 of Ceph's gateway over one monitor and one disk in memory. It ends with its scope, and with the process.
 */
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./ports.js"

export interface Ceph {
  readonly port: number
  readonly endpoint: string
  /** A client of the only user. Another port is that of a proxy, other credentials are wrong. */
  readonly client: (port?: number, as?: typeof credentials) => S3Client
  /** Creates an empty bucket, and returns its name. */
  readonly bucket: Effect.Effect<string>
}

export const credentials = { accessKeyId: "effect-tus-user", secretAccessKey: "effect-tus-secret" }

/** The monitor has a port of its own, so that several clusters do not take each other for one. */
const settings = (home: string, monitor: number, gateway: number) => `
[global]
mon_host = 127.0.0.1:${monitor}
ms_bind_msgr2 = false
ms_bind_ipv4 = true
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
mon_allow_pool_size_one = true
paxos_propose_interval = 0.01
paxos_min_wait = 0.01
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
run_dir = ${home}
log_file = ${home}/$name.log
mon_cluster_log_file = ${home}/cluster.log
admin_socket = ${home}/$name.asok
mon_data = ${home}/mon
osd_data = ${home}/osd
rgw_data = ${home}/rgw
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:${gateway}
rgw_thread_pool_size = 32
rgw_enable_usage_log = false
`

/**
 * Runs the cluster in the directory until its input ends, which it also does when the process of the tests is killed.
 * It says `ready` when there is a user. A program that asks the monitor for its configuration sometimes goes on before
 * it knows its cluster, and is refused ("wrong fsid"): so most do not ask, and one tries again.
 */
const script = `
set -eu
cd "$1"
trap 'kill -9 $(jobs -p) 2> /dev/null || true; wait; tail -n 5 start.log || true; cd /; rm -rf "$1"' EXIT
export CEPH_CONF="$1/ceph.conf"
fsid=$(cat /proc/sys/kernel/random/uuid) disk=$(cat /proc/sys/kernel/random/uuid)
sed -i "s/^.global.$/&\\nfsid = $fsid/" ceph.conf
mkdir mon osd rgw
exec 2> start.log
monmaptool --create --addv a "[v1:127.0.0.1:$2]" --fsid "$fsid" monmap > /dev/null
ceph-mon -i a --mkfs --monmap monmap
ceph-mon -f -i a &
again() { for i in 1 2 3 4 5; do timeout 60 "$@" > /dev/null && return; done; false; }
again ceph osd new "$disk" 0
ceph-osd --no-mon-config -i 0 --mkfs --osd-uuid "$disk"
ceph-osd --no-mon-config -f -i 0 &
again radosgw-admin --no-mon-config user create --uid=tus --display-name=tus --access-key="$3" --secret="$4"
radosgw --no-mon-config -f -n client.rgw > rgw.out &
for i in $(seq 600); do
  if (exec 3<> "/dev/tcp/127.0.0.1/$5") 2> /dev/null; then echo ready; break; fi
  sleep 0.1
done
read -r signal || true
`

/** Makes and starts a cluster. Several may run side by side. It takes a second or two. */
export const make: Effect.Effect<Ceph, never, Scope.Scope> = Effect.gen(function*() {
  const home = mkdtempSync(join(tmpdir(), "effect-tus-ceph-"))
  const monitor = yield* freePort
  const port = yield* freePort
  writeFileSync(join(home, "ceph.conf"), settings(home, monitor, port))
  const { accessKeyId, secretAccessKey } = credentials
  const args = [home, String(monitor), accessKeyId, secretAccessKey, String(port)]
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const cluster = spawn("bash", ["-c", script, "ceph", ...args], { stdio: ["pipe", "pipe", "ignore"] })
      const [said] = await Promise.race([once(cluster.stdout, "data"), once(cluster, "exit")])
      if (String(said) !== "ready\n") {
        throw new Error(`Ceph has not started: ${said}`)
      }
      cluster.stdout.resume()
      return cluster
    }),
    (cluster) =>
      Effect.promise(async () => {
        const ended = once(cluster, "exit")
        cluster.stdin.end()
        await ended
      })
  )

  const client: Ceph["client"] = (at = port, as = credentials) =>
    new S3Client({
      endpoint: `http://127.0.0.1:${at}`,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: as
    })
  const administrator = client()
  let buckets = 0
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    client,
    bucket: Effect.promise(async () => {
      const Bucket = `tus-${++buckets}`
      await administrator.send(new CreateBucketCommand({ Bucket }))
      return Bucket
    })
  }
})

let shared: Promise<Ceph> | undefined

/** One cluster for all tests of this process: it begins with the first of them, and ends with the process. */
export const ceph: Effect.Effect<Ceph> = Effect.promise(() =>
  shared ??= Effect.runPromise(Effect.flatMap(Scope.make(), (scope) => Scope.extend(make, scope)))
)
