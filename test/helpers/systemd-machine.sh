#!/bin/sh
# Boots a systemd of its own: PID 1 of new namespaces, over a copy-on-write view of this machine's files.
# The network is shared, so that tests reach what it starts. Needs root.
#   systemd-machine.sh FOLDER NODE NODE_MODULES DIST
# FOLDER/files is copied over the root.
set -e
folder=$1 node=$2 node_modules=$3 dist=$4
root=$folder/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder/disk"
mkdir "$folder/disk/upper" "$folder/disk/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/disk/upper,workdir=$folder/disk/work" "$root"
mount -t proc proc "$root/proc"
mount --bind -o ro "$root/proc/sys" "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd" "$root/sys/fs/cgroup/unified"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
fi
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
# Nothing of this machine starts in there but what systemd itself needs.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires
for unit in systemd-sysctl systemd-udevd systemd-udev-trigger systemd-modules-load systemd-random-seed \
  systemd-logind console-getty getty@tty1; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
cp -r "$folder/files/." "$root/"
mkdir -p "$root/opt/holdfast/dist" "$root/opt/holdfast/node_modules"
mount --bind "$dist" "$root/opt/holdfast/dist"
mount --bind "$node_modules" "$root/opt/holdfast/node_modules"
touch "$root/usr/bin/node"
mount --bind "$node" "$root/usr/bin/node"
exec chroot "$root" env -i container=holdfast-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=no
