#!/bin/sh
# What the guest of the tests has beyond its packages. $1 is the root of the new system.
#
# Nothing here does the boot agent's work: no user, no key, no network configuration, no mount.
set -eu
root=$1

chroot "$root" systemctl enable systemd-networkd
# Units that only cost boot time in a guest that lives for a minute.
chroot "$root" systemctl mask e2scrub_reap.service e2scrub_all.timer fstrim.timer \
    dpkg-db-backup.timer systemd-pstore.service getty@tty1.service

# A root shell on the serial console, for the rig to type on when there is no network.
mkdir -p "$root/etc/systemd/system/serial-getty@.service.d"
cat >"$root/etc/systemd/system/serial-getty@.service.d/autologin.conf" <<'UNIT'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I dumb
UNIT

# No guest has the host keys of another: the first start of sshd makes one, whole or not at all, since
# tests cut the power.
cat >"$root/usr/local/sbin/make-host-key" <<'SCRIPT'
#!/bin/sh
set -eu
key=/etc/ssh/ssh_host_ed25519_key
test ! -e $key || exit 0
rm -f $key.new $key.new.pub
ssh-keygen -q -t ed25519 -N "" -f $key.new
sync $key.new $key.new.pub
mv $key.new.pub $key.pub
mv $key.new $key
sync /etc/ssh
SCRIPT
chmod 755 "$root/usr/local/sbin/make-host-key"
rm -f "$root"/etc/ssh/ssh_host_*
echo 'HostKey /etc/ssh/ssh_host_ed25519_key' >"$root/etc/ssh/sshd_config.d/10-host-key.conf"
mkdir -p "$root/etc/systemd/system/ssh.service.d"
cat >"$root/etc/systemd/system/ssh.service.d/host-key.conf" <<'UNIT'
[Service]
ExecStartPre=
ExecStartPre=/usr/local/sbin/make-host-key
ExecStartPre=/usr/sbin/sshd -t
UNIT

echo nixvm-guest >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/log/*.log

# The kernel goes to the host, which boots it directly; unpacked, because unpacking is slow where
# the processor is emulated.
cp "$root"/boot/vmlinuz-* "$OUT/vmlinuz"
gzip -dc "$root"/boot/initrd.img-* >"$OUT/initrd"
rm -rf "$root"/boot/* "$root"/vmlinuz* "$root"/initrd.img*

# Only the file system of the root itself: the build has /proc and others mounted inside it.
mkdir "$OUT/view"
mount --bind "$root" "$OUT/view"
mke2fs -q -t ext4 -L root -E "offset=$OFFSET" -d "$OUT/view" "$OUT/disk.raw" "$SIZE"
umount "$OUT/view"
rmdir "$OUT/view"
