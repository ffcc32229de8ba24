#!/bin/sh
# A fake for tests, not kubectl: it knows one service and no cluster, and speaks
# as kubectl 1.31 does.
case "$1" in
config) echo https://127.0.0.1:6443 ;;
auth) echo yes ;;
get)
    grep CapEff /proc/self/status >/run/fake-kubectl.rights
    cat <<'EVENT'
{"type":"ADDED","object":{"apiVersion":"v1","kind":"Service","metadata":{"name":"shop","namespace":"web","resourceVersion":"7"},"spec":{"clusterIP":"10.43.0.9","ports":[{"name":"http","nodePort":30080,"port":80,"protocol":"TCP","targetPort":8080}],"type":"NodePort"},"status":{"loadBalancer":{}}}}
EVENT
    exec sleep 100000 ;;
esac
