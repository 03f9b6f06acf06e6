# Second half of a host's start, already in its own root: at the first boot what a cloud image would set up, then runit.
set -eu
umount -l /mnt
umask 022
seed=/run/boot

if [ ! -e /var/lib/first-boot ]; then
  cp "$seed/hostname" /etc/hostname
  cp "$seed/hosts" /etc/hosts
  cp "$seed/resolv.conf" /etc/resolv.conf
  cp "$seed/sources.list" /etc/apt/sources.list
  rm -f /etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C "$(cat /etc/hostname)" -f /etc/ssh/ssh_host_ed25519_key
  for keys in "$seed"/users/*; do
    [ -e "$keys" ] || continue
    name=${keys##*/}
    id "$name" >/dev/null 2>&1 || useradd -m -s /bin/bash -p '*' -G sudo "$name"
    home=$(getent passwd "$name" | cut -d: -f6)
    mkdir -p "$home/.ssh"
    cp "$keys" "$home/.ssh/authorized_keys"
    chmod 700 "$home/.ssh"
    chmod 600 "$home/.ssh/authorized_keys"
    chown -R "$name:" "$home/.ssh"
    [ "$name" = root ] || { echo "$name ALL=(ALL) NOPASSWD:ALL" >"/etc/sudoers.d/90-first-boot-$name"; chmod 440 "/etc/sudoers.d/90-first-boot-$name"; }
  done
  sync -f /etc/ssh
  : >/var/lib/first-boot
fi
rm -rf "$seed"

hostname "$(cat /etc/hostname)"
# As a real boot does; keys of the shared kernel are read-only here, so their refusal is no failure.
if [ -n "$(ls /etc/sysctl.d 2>/dev/null)" ]; then sysctl -q -e --system >/dev/null 2>&1 || true; fi
export HOME=/root
exec runsvdir -P /etc/service
