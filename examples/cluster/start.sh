#!/usr/bin/env bash
# Two servers behind HAProxy on one PostgreSQL and one S3, which is Ceph's in memory: a cluster to try on one machine.
# Everything is in a temporary directory, listens on this machine only, and ends with Ctrl-C.
#
#     apt-get install --no-install-recommends postgresql haproxy ceph-mon ceph-osd ceph-common radosgw
#     npm run build
#     examples/cluster/start.sh [PORT]
#
# It uses the ports from PORT (8080 by default) to PORT + 5.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
base="${1:-8080}"
export PORT="$base" PORT_ONE="$((base + 1))" PORT_TWO="$((base + 2))"
postgres="$((base + 3))" s3="$((base + 4))" monitor="$((base + 5))"
home="$(mktemp -d)"
trap 'trap - EXIT; kill $(jobs -p) 2> /dev/null || true; wait; rm -rf "$home"' EXIT
trap 'exit 0' INT TERM

say() { echo "cluster: $*"; }
until_open() {
  for _ in $(seq 300); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then return; fi
    sleep 0.1
  done
  say "nothing listens on port $1; see $home" >&2
  exit 1
}

# PostgreSQL does not run as root.
as() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$@"; else "$@"; fi
}
programs="$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)"
mkdir "$home/postgres"
chmod 755 "$home"
if [ "$(id -u)" = 0 ]; then chown nobody:nogroup "$home/postgres"; fi
as "$programs/initdb" -D "$home/postgres/data" -U tus -A trust -E UTF8 --locale=C > /dev/null
as "$programs/postgres" -D "$home/postgres/data" -h 127.0.0.1 -p "$postgres" -k "$home/postgres" &> "$home/postgres.log" &
until_open "$postgres"
until as "$programs/createdb" -h 127.0.0.1 -p "$postgres" -U tus tus 2> /dev/null; do sleep 0.1; done
say "PostgreSQL is ready"

export CEPH_CONF="$home/ceph.conf" AWS_ACCESS_KEY_ID=cluster AWS_SECRET_ACCESS_KEY=example-secret
fsid="$(cat /proc/sys/kernel/random/uuid)" disk="$(cat /proc/sys/kernel/random/uuid)"
mkdir "$home/mon" "$home/osd" "$home/rgw"
cat > "$CEPH_CONF" << CEPH
[global]
fsid = $fsid
mon_host = 127.0.0.1:$monitor
ms_bind_msgr2 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
mon_allow_pool_size_one = true
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
run_dir = $home
log_file = $home/\$name.log
mon_cluster_log_file = $home/cluster.log
admin_socket = $home/\$name.asok
mon_data = $home/mon
osd_data = $home/osd
rgw_data = $home/rgw
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:$s3
CEPH
{
  monmaptool --create --addv a "[v1:127.0.0.1:$monitor]" --fsid "$fsid" "$home/monmap"
  ceph-mon -i a --mkfs --monmap "$home/monmap"
  ceph-mon -f -i a &
  ceph osd new "$disk" 0
  ceph-osd --no-mon-config -i 0 --mkfs --osd-uuid "$disk"
  ceph-osd --no-mon-config -f -i 0 &
  radosgw-admin user create --uid=tus --display-name=tus \
    --access-key="$AWS_ACCESS_KEY_ID" --secret="$AWS_SECRET_ACCESS_KEY"
  radosgw --no-mon-config -f -n client.rgw &
} &> "$home/ceph.log"
until_open "$s3"
(cd "$here" && node --input-type=module --eval '
  import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3"
  const client = new S3Client({ endpoint: process.argv[1], region: "us-east-1", forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: "uploads" }))' "http://127.0.0.1:$s3")
say "S3 is ready"

for port in "$PORT_ONE" "$PORT_TWO"; do
  node "$here/../../dist/cli/main.js" serve --port "$port" --trust-proxy 127.0.0.1 \
    --database "postgres://tus@127.0.0.1:$postgres/tus" \
    --bucket s3://uploads/files --bucket-endpoint "http://127.0.0.1:$s3" --bucket-region us-east-1 &
done
until_open "$PORT_ONE"
until_open "$PORT_TWO"
haproxy -db -f "$here/haproxy.cfg" > "$home/haproxy.log" &
until_open "$PORT"
say "upload with: npx effect-tus upload FILE --to http://127.0.0.1:$PORT/files"
wait
