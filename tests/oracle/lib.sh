# Builds the reference programs: sets reference_dir, reference_log. For scripts in the root of the checkout.
# shellcheck shell=sh
. tests/gobuild.sh

build_references() { # all, or those that are named
	reference_log=/dev/null
	go_room references tests/oracle || return 1
	reference_dir=$go_dir
	for reference in ${*:-oracle oracle-1.9}; do
		reference_log=$reference_dir/$reference.log
		case $reference in
		oracle) go_program oracle tests/oracle go.mod . ;;
		oracle-1.9) go_program oracle-1.9 tests/oracle omni-1.9.mod . ;;
		*) go_program "$reference" tests/oracle go.mod "./cmd/$reference" ;;
		esac || return 1
	done
}
