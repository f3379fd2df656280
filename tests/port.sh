# Of the root of the checkout: . tests/port.sh
# shellcheck shell=bash

# free_port: nothing listens on it, and no outgoing connection is given it (those are from 32768 up)
free_port() {
	local port tries
	for tries in {1..50}; do
		port=$((10000 + SRANDOM % 20000))
		(: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
	echo "no free port after $tries tries" >&2
	return 1
}
