#!/bin/sh
# Holds a Jetson in a power mode, with locked clocks, until its input ends; then puts both back.
# benchmarks/jetson.py runs it as root. Its input ends however that program ends: done, Ctrl-C,
# kill -9, a lost connection.
#
#   jetson_guard.sh MODE        MODE: a number of nvpmodel, or "keep"
#
# Prints `jetson_clocks --show` of the locked clocks and "ready", or in one line why not. Exit code
# 1: not ready, nothing changed; 2: could not be put back.
set -u
trap '' INT TERM HUP PIPE

mode() { nvpmodel -q 2>/dev/null | tail -n 1; }

# For a mode with other cores nvpmodel wants to reboot, and asks.
set_mode() { echo no | nvpmodel -m "$1" >/dev/null 2>&1; [ "$(mode)" = "$1" ]; }

put_back() {
    good=0
    if [ -e "$folder/clocks" ]; then
        jetson_clocks --restore "$folder/clocks" >/dev/null </dev/null || good=2
    fi
    [ "$(mode)" = "$before" ] || set_mode "$before" || good=2
    rm -rf "$folder"
    return $good
}

refuse() { put_back; echo "$1"; exit 1; }

before=$(mode)
case $before in
'' | *[!0-9]*) echo "nvpmodel -q tells no mode"; exit 1 ;;
esac
folder=$(mktemp -d) || exit 1
if [ "$1" != keep ] && [ "$1" != "$before" ]; then
    set_mode "$1" || refuse "this board does not take power mode $1 without a reboot, or has none: \
see nvpmodel -p --verbose; after sudo nvpmodel -m $1 and the reboot, run again without --mode"
fi
# It asks before it overwrites a file, so this one is new.
jetson_clocks --store "$folder/clocks" >/dev/null </dev/null
[ -s "$folder/clocks" ] || refuse "jetson_clocks --store wrote nothing to come back to"
jetson_clocks >/dev/null </dev/null || refuse "jetson_clocks cannot lock the clocks"
jetson_clocks --show </dev/null
echo ready
cat >/dev/null
put_back
