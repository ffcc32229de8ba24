#!/bin/sh
# Runs the agent where /bin and /usr/bin hold only sh and env, and nothing else of Debian's is on the
# usual paths. Systemd's own ways of hiding would hide the agent's mounts from the machine too.
exec /usr/bin/unshare --mount --propagation unchanged /bin/sh -euc '
    mount --make-private /
    mount --bind /nix/shape/empty /usr/local
    mount --bind /nix/shape/empty /usr/share/zoneinfo
    mount --bind /nix/shape/empty /usr/sbin
    mount --bind /nix/shape/bin /usr/bin
    exec /nix/store/00000000000000000000000000000000-nixvm/bin/nixvm-agent run --stage "$0"
' "$1"
