#!/bin/sh
# What a guest is, one fact a line: the area, a tab, the fact. Run by root; $1 is the guest's user.
# Left out is what differs between any two boots of one machine: times, sizes, process ids.
user=$1
tell() { sed "s/^/$1	/"; }

getent passwd | sort | tell users
getent group | sort | tell groups
# The kind of the password's hash and the ages, never the hash; the day of the last change is today.
awk -F: '{ print $1, substr($2, 1, 1), $4, $5, $6, $7, $8 }' /etc/shadow | sort | tell shadow
sudo -l -U "$user" 2>&1 | grep '(' | tell sudo
sort /etc/subuid /etc/subgid | tell subids

find /etc /home /root /usr/local /opt /srv /mnt /var/lib -xdev \
    ! -path '/mnt/lima-cidata/*' ! -path '/var/lib/dpkg/*' ! -path '/var/lib/apt/*' \
    ! -path '/var/lib/systemd/*' ! -path '/var/lib/cloud/*' ! -path '/var/lib/nixvm-agent/*' \
    -printf '%M %u:%g %p %l\n' | sort -k3 | tell files
find /var/lib/systemd/linger -printf '%M %u:%g %p\n' 2>/dev/null | tell files
find /etc /home /root -xdev -type f -size -256k ! -name 'ssh_host_*' ! -name machine-id \
    ! -name 'shadow*' ! -name 'gshadow*' ! -name '*.cache' ! -name 'ld.so.cache' \
    -exec sha256sum {} + | awk '{ print substr($1, 1, 12), $2 }' | sort -k2 | tell contents
ls -ld /run/host-services /run/lima-* 2>/dev/null | awk '{ print $1, $3 ":" $4, $9 }' | tell files

findmnt -rno TARGET,SOURCE,FSTYPE,OPTIONS | grep -Ev ' (proc|sysfs|cgroup2?|devpts|devtmpfs|securityfs|debugfs|tracefs|bpf|mqueue|hugetlbfs|pstore|ramfs|configfs|fusectl|autofs|tmpfs|binfmt_misc) ' | sort | tell mounts
sysctl -a 2>/dev/null | grep -E '^(kernel\.(hostname|domainname|unprivileged|yama|dmesg)|net\.ipv4\.(ip_|ping_|conf\.(all|eth0)\.|tcp_)|fs\.(inotify|protected)|vm\.(max_map|swapp|overcommit)|user\.max)' | grep -Ev 'tcp_(mem|fastopen_key)|user.max' | tell sysctls
systemctl list-unit-files --no-legend --plain --state=enabled,enabled-runtime | awk '{ print $1, $2 }' | tell units
systemctl list-units --no-legend --plain --all --state=failed | awk '{ print "failed", $1 }' | tell units
systemctl list-units --no-legend --plain --type=service,socket,timer --state=running,listening,waiting | awk '{ print $3, $4, $1 }' | grep -Ev 'session-|user@|user-runtime' | tell units
ip -4 route | sed 's/ *$//' | tell routes
ip -4 -brief address | awk '{ print $1, $2, $3 }' | tell routes
iptables -t nat -S 2>/dev/null | tell nat
grep -v '^#' /etc/resolv.conf | tell names
getent hosts host.lima.internal | tell names
lsmod | awk 'NR > 1 { print $1 }' | sort | tell modules
readlink /etc/localtime | tell time
hostname | tell time
cat /var/lib/system "$(getent passwd "$user" | cut -d: -f6)/user" 2>/dev/null | tell scripts
su - "$user" -c env 2>/dev/null | grep -Ev '^(_|SHLVL|XDG_SESSION_ID|DBUS)' | sort | tell login
ls /sys/class/net | tell routes
