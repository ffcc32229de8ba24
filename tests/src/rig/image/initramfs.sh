#!/bin/sh
# An initrd with only what finds the root disk and the seed's CD-ROM. $1 is the root of the new
# system; its kernel package is not installed yet.
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d"
printf 'MODULES=list\nBUSYBOX=n\nCOMPRESS=gzip\nFSTYPE=ext4\nRESUME=none\n' \
    >"$1/etc/initramfs-tools/conf.d/guest.conf"
printf '%s\n' virtio_pci virtio_blk virtio_scsi sr_mod isofs ext4 \
    >"$1/etc/initramfs-tools/modules"
