/**
 * What a container's first process does before it becomes the program: in namespaces of its own it puts the file system together and moves
 * it into the place of the machine's. It is a shell, since all this is the business of mount(8). In order of arguments:
 *
 *   where its process id is written when all is done; until then it has not started
 *   directory that the following ones are below, the image's layers joined by colons, the container's own layer
 *   where the root is put together, host name, working directory, "ro" for a root that cannot be written to
 *   `NAME=VALUE` sysctls, up to `--`
 *   mounts: source, path below it, path in the container, "ro" or "rw"; up to `--`
 *   the program, for a look whether it is there
 *   the command that becomes it
 *
 * Links are followed inside the root and inside a volume alone, whatever somebody has put there.
 */
export const enterScript = `set -eu
search=$PATH
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
started=$1 base=$2 lower=$3 own=$4 root=$5 name=$6 directory=$7 mode=$8
shift 8

# Sets $found to the path $2 inside of $1, with every link on the way followed inside.
inside() {
  found=
  rest=$2
  links=0
  while [ -n "$rest" ]; do
    part=\${rest%%/*}
    case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
    case $part in
      '' | .) continue ;;
      ..) found=\${found%/*}; continue ;;
    esac
    if [ -L "$1$found/$part" ]; then
      links=$((links + 1))
      if [ $links -gt 40 ]; then echo "$2: too many levels of symbolic links"; exit 1; fi
      target=$(readlink "$1$found/$part")
      case $target in /*) found= ;; esac
      rest=$target/$rest
    else
      found=$found/$part
    fi
  done
  found=$1$found
}

fill() {
  inside "$root" "$1"
  mkdir -p "$found"
}

printf '%s\n' "$name" > /proc/sys/kernel/hostname
cd "$base"
mkdir -p "$own/upper" "$own/work" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$own/upper,workdir=$own/work" "$root"
cd "$root"
root=$PWD
cd /

fill proc
mount -t proc -o nosuid,nodev,noexec proc "$found"
while [ "$1" != -- ]; do
  setting=$(printf %s "\${1%%=*}" | tr . /)
  printf '%s\n' "\${1#*=}" > "$root/proc/sys/$setting"
  shift
done
shift
mount -o bind,ro "$root/proc/sys" "$root/proc/sys"
fill sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$found"
fill dev
dev=$found
mount -t tmpfs -o nosuid,mode=755,size=64m tmpfs "$dev"
for node in null zero full random urandom tty; do
  : > "$dev/$node"
  mount --bind "/dev/$node" "$dev/$node"
done
mkdir "$dev/pts" "$dev/shm"
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=620 devpts "$dev/pts"
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=64m shm "$dev/shm"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/\${stream%:*}" "$dev/\${stream#*:}"; done

while [ "$1" != -- ]; do
  volume=$(realpath "$1")
  if [ -n "$2" ]; then
    inside "$volume" "$2"
    [ -e "$found" ] || mkdir -p "$found"
    volume=$found
  fi
  inside "$root" "$3"
  if [ -d "$volume" ]; then
    mkdir -p "$found"
  elif [ ! -e "$found" ]; then
    mkdir -p "\${found%/*}"
    : > "$found"
  fi
  mount --rbind "$volume" "$found"
  [ "$4" != ro ] || mount -o remount,bind,ro "$found"
  shift 4
done
shift
fill "$directory"
program=$1
shift

runs() {
  inside "$root" "$1"
  [ -f "$found" ] && [ -x "$found" ]
}
known=
case $program in
  /*) ! runs "$program" || known=1 ;;
  */*) ! runs "$directory/$program" || known=1 ;;
  *)
    IFS=:
    for place in $search; do ! runs "$place/$program" || known=1; done
    unset IFS
    ;;
esac
if [ -z "$known" ]; then
  case $program in
    */*) echo "exec: \\"$program\\": stat $program: no such file or directory" ;;
    *) echo "exec: \\"$program\\": executable file not found in \\$PATH" ;;
  esac
  exit 1
fi

[ "$mode" != ro ] || mount -o remount,bind,ro "$root"
cd "$root"
mount --move . /
# The machine's /proc, which is what this one still sees, has its number among all processes.
read -r id rest < /proc/self/stat
echo "$id" > "$started.new"
mv "$started.new" "$started"
PATH=$search
exec "$@"
`;
