#!/bin/sh
# Makes a test host around itself: runs as the first process of new mount, UTS, IPC, PID and cgroup namespaces, in the
# host's network. Arguments: the host's folder (upper, work, root, seed, boot files) and the base. Ends as runsvdir.
set -eu
folder=$1 base=$2
root=$folder/root
fail() { echo "test host: $1" >&2; exit 1; }

mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work" "$root" ||
  fail "cannot mount an overlay in $folder; FLEET_RUN must lie on a plain file system (ext4, xfs, btrfs, tmpfs)"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
# Kernel settings are the machine's, not the host's: read-only but for net, which is the namespace's own.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"

if grep -q '^cgroup2 /sys/fs/cgroup ' /proc/mounts; then
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
elif [ -d /sys/fs/cgroup/memory ]; then
  mount -t tmpfs -o mode=755,nosuid,nodev,noexec tmpfs "$root/sys/fs/cgroup"
  while IFS=: read -r _ controllers _; do
    case $controllers in ''|name=*) continue ;; esac
    mkdir -p "$root/sys/fs/cgroup/$controllers"
    mount -t cgroup -o "nosuid,nodev,noexec,$controllers" cgroup "$root/sys/fs/cgroup/$controllers" || true
  done </proc/self/cgroup
fi

mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/net"
for node in null zero full random urandom tty net/tun; do
  [ -e "/dev/$node" ] || continue
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mkdir "$root/run/lock" "$root/run/boot"
cp -R "$folder/seed/." "$root/run/boot/"

cd "$root"
pivot_root . mnt
cd /
exec /bin/sh /run/boot/first.sh
