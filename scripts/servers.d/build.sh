# Builds once what the servers run from: a Debian root with packages, and Neo4j from Maven Central.
# shellcheck shell=bash

ROOT=$CACHE/debian-trixie-2 # raise the number when PACKAGES changes
PACKAGES="pgbouncer postgresql-17 rabbitmq-server redis-server prometheus openjdk-21-jre-headless"
NEO4J_VERSION=5.26.0
NEO4J=$CACHE/neo4j-$NEO4J_VERSION

# Everything is made beside its place and moved there when complete.
build() {
  if [ -d "$ROOT" ] && [ -d "$NEO4J" ]; then return; fi
  say "building in $CACHE, once, about a minute; what it says goes to build.log there"
  rm -rf "$CACHE"/*.part
  {
    [ -d "$ROOT" ] || { build_root "$ROOT.part" && mv "$ROOT.part" "$ROOT"; }
    [ -d "$NEO4J" ] || { fetch_neo4j "$NEO4J.part" && mv "$NEO4J.part" "$NEO4J"; }
  } >"$CACHE/build.log" 2>&1 </dev/null 8>&- 9>&- || {
    tail -n 20 "$CACHE/build.log" >&2
    return 1
  }
}

# apt's own mirror, when it is one of Debian's; without one debootstrap knows where to look.
debian_mirror() {
  sed -n 's#^\(deb\|URIs:\) *\(\[[^]]*\] *\)\{0,1\}\(https\{0,1\}://[^ ]*/debian/\{0,1\}\)\( .*\)\{0,1\}$#\3#p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null | head -n 1
}

install_here() { # COMMAND PACKAGE…
  command -v "$1" >/dev/null && return
  shift
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

build_root() { # FOLDER
  # shellcheck disable=SC2046
  install_here debootstrap debootstrap debian-archive-keyring &&
    debootstrap --variant=minbase --include=ca-certificates trixie "$1" $(debian_mirror) &&
    in_namespaces sh -euc "$INSTALL" sh "$1" "$PACKAGES"
}

# Runs in namespaces: what packages start and what is mounted here is gone when it ends.
# shellcheck disable=SC2016
INSTALL='
  root=$1
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  for shared in /etc/hosts /etc/resolv.conf /etc/apt/apt.conf.d /etc/apt/auth.conf.d; do
    [ ! -e "$shared" ] || { [ -d "$shared" ] || touch "$root$shared"; mount --bind "$shared" "$root$shared"; }
  done
  printf "#!/bin/sh\nexit 101\n" >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  mkdir -p "$root/etc/postgresql-common" "$root/opt/neo4j"
  echo "create_main_cluster = false" >"$root/etc/postgresql-common/createcluster.conf"
  export DEBIAN_FRONTEND=noninteractive
  chroot "$root" apt-get update -q
  chroot "$root" apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold \
    -o Dpkg::Options::=--force-unsafe-io $2
  chroot "$root" apt-get clean
  chroot "$root" useradd --system --home-dir /srv neo4j
'

fetch_neo4j() { # FOLDER
  mkdir -p "$1" && cat >"$1/pom.xml" <<XML && install_here mvn maven
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tonearm</groupId>
  <artifactId>servers</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.neo4j.app</groupId><artifactId>neo4j-server</artifactId><version>$NEO4J_VERSION</version></dependency>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>$NEO4J_VERSION</version></dependency>
  </dependencies>
</project>
XML
  (cd "$1" && mvn -q -B -Dmaven.repo.local="$1/repository" dependency:copy-dependencies -DoutputDirectory=lib) &&
    rm -rf "$1/repository"
}
