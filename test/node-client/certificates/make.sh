#!/bin/sh
# Made once, valid from 2020 to 2120: an authority, a server and a client with its certificates, and a server of another
# name.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
: > "$work/index"
cat > "$work/config" <<CONFIG
[ca]
default_ca = authority
[authority]
database = $work/index
new_certs_dir = $work
rand_serial = yes
unique_subject = no
default_md = sha256
default_startdate = 20200101000000Z
default_enddate = 21200101000000Z
policy = policy
[policy]
commonName = supplied
[ca.pem]
basicConstraints = critical, CA:TRUE
[server.pem]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
[elsewhere.pem]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:elsewhere.test
[client.pem]
basicConstraints = critical, CA:FALSE
CONFIG
make() {
  name=$1
  shift
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$name" \
    -keyout "$name.key" -out "$work/$name.csr"
  openssl ca -batch -notext -config "$work/config" -extensions "$name.pem" -in "$work/$name.csr" -out "$name.pem" "$@"
}
make ca -selfsign -keyfile ca.key
for name in server elsewhere client; do
  make $name -cert ca.pem -keyfile ca.key
done
openssl ec -in client.key -aes256 -passout pass:secret -out client-encrypted.key
openssl pkcs12 -export -in client.pem -inkey client.key -passout pass:secret -out client.p12
chmod 644 ./*.key ./*.p12
rm -r ca.key "$work"
