#!/bin/sh
# Gives Debian the shape of NixOS that the agent's units meet. Runs in each boot before them; what is
# on the disk is made in the first one.
set -eu
store=/nix/store/00000000000000000000000000000000
etc=$store-etc/etc

# Takes a file of /etc into the store; what is in its place is a link, as NixOS makes it.
declare_file() {
    mkdir -p "$etc/$(dirname "$1")"
    if [ -e "/etc/$1" ]; then cat "/etc/$1" >"$etc/$1"; else : >"$etc/$1"; fi
    rm -f "/etc/$1"
    mkdir -p "$(dirname "/etc/$1")"
    ln -s "/etc/static/$1" "/etc/$1"
}

write() {
    cat >"$etc/$1"
}

first() {
    mkdir -p "$etc" "$store-nixvm/bin" "$store-system/sw/bin" /nix/shape/bin /nix/shape/empty
    ln -s "$etc" /etc/static
    for file in os-release hosts hostname profile bashrc fuse.conf sudoers ssh/sshd_config pam.d/sshd; do
        declare_file $file
    done
    : >/etc/NIXOS
    cd /etc
    rm -rf debian_version localtime timezone profile.d skel sudoers.d ssh/sshd_config.d environment
    cd /
    echo ID=nixos | write os-release
    ln -s /etc/static/zoneinfo /etc/zoneinfo
    mkdir "$etc/zoneinfo"
    cp -r /usr/share/zoneinfo/Asia "$etc/zoneinfo/"
    printf '127.0.0.1 localhost\n::1 localhost\n' | write hosts
    echo nixos | write hostname
    echo user_allow_other | write fuse.conf
    cat <<'SUDOERS' | write sudoers
root ALL=(ALL:ALL) SETENV: ALL
%wheel ALL=(ALL:ALL) NOPASSWD:SETENV: ALL
SUDOERS
    chmod 440 "$etc/sudoers"
    cat <<'SSHD' | write ssh/sshd_config
UsePAM yes
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp /usr/lib/openssh/sftp-server
SSHD
    cat <<'PROFILE' | write profile
export PATH=/run/wrappers/bin:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin
PROFILE
    # As Debian has it, but for the variables: NixOS reads no /etc/environment, and the module of
    # nixvm adds a rule for the agent's file.
    sed -i '/pam_env/d' "$etc/pam.d/sshd"
    echo 'session optional pam_env.so conffile=/dev/null envfile=/run/nixvm-agent/environment' \
        >>"$etc/pam.d/sshd"
    echo wheel:x:990: >>/etc/group
    cp /usr/bin/nixvm-agent "$store-nixvm/bin/"
    cp /bin/dash /nix/shape/bin/sh
    cp /usr/bin/env /nix/shape/bin/
    find /etc -type l -printf '%p %l\n' | sort >/nix/shape/links
    find /nix/store -type f -exec sha256sum {} + | sort >/nix/shape/sums
    touch /nix/shape/done
}

[ -e /nix/shape/done ] || first

mount --bind /nix/store /nix/store
mount -o remount,bind,ro /nix/store
modprobe overlay
mount -t overlay -o ro,lowerdir=/usr/sbin:/usr/bin overlay "$store-system/sw/bin"
ln -sfn "$store-system" /run/current-system
mkdir -p /run/wrappers
mount -t tmpfs -o mode=755 tmpfs /run/wrappers
mkdir /run/wrappers/bin
cp /usr/bin/sudo /run/wrappers/bin/
chmod 4755 /run/wrappers/bin/sudo
# A mount of its own, so that what the agent mounts below it is seen by everybody, while what is
# hidden from the agent is not hidden from others.
mount -t tmpfs -o mode=755 tmpfs /mnt
