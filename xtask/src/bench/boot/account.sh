# Prints what a boot took: one name and one number a line. The CPU times come first, so that this
# script's own work is in none of them. The arguments are the units whose times are wanted.
set -eu
groups=/sys/fs/cgroup
own=$groups/bootwork.slice
used() { sed -n "s/^usage_usec /$1 /p" "$2/cpu.stat"; }
used units_us "$own"
used pid1_us "$groups/init.scope"
used others_us "$groups/system.slice"
echo "peak_bytes $(cat "$own/memory.peak")"
awk -v device="$(cat /sys/block/vda/dev)" '
    $1 == device { for (i = 2; i <= NF; i++) if ($i ~ /^rbytes=/) sum += substr($i, 8) }
    END { printf "read_bytes %.0f\n", sum }' "$own/io.stat"
awk '$3 == "vda" { printf "disk_bytes %.0f\n", $6 * 512 }' /proc/diskstats
echo "sshd_us $(systemctl show --property=ActiveEnterTimestampMonotonic --value ssh.service)"
# A program of systemd's that removes one file: as little as a unit can take here and now.
echo "floor_ns $(systemctl show --property=CPUUsageNSec --value systemd-user-sessions.service)"
# Files have the time of day, which a boot may set; what counts is how long ago that was.
echo "now_s $(date +%s.%N)"
echo "up_s $(cut -d' ' -f1 /proc/uptime)"
echo "ready_s $(stat -c %.9Y /run/lima-ssh-ready)"
echo "done_s $(stat -c %.9Y /run/lima-boot-done)"
for unit; do
    time=$(systemctl show --property=CPUUsageNSec --value "$unit")
    case $time in *[!0-9]*) ;; *) echo "unit:$unit $time" ;; esac
done
