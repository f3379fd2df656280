# Reads the TAP of one program; prints "passed failed skipped problem". Sub-tests (indented) do not count.
/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	has_plan = 1
	if ($0 ~ /# *[Ss][Kk][Ii][Pp]/ && planned == 0)
		skipped = 1
}
/^ok( |$)/ || /^not ok( |$)/ {
	seen++
	if ($0 ~ /# *[Ss][Kk][Ii][Pp]/)
		skipped++ # cmocka prints "not ok 3 # SKIP name"
	else if ($1 == "ok")
		passed++
	else
		failed++
}
/^Bail out!/ { bailed = 1 }
END {
	if (status == 124 || status == 137)
		problem = "stopped after " limit " s"
	else if (bailed)
		problem = "it gave up"
	else if (!has_plan)
		problem = "no plan, exit status " status
	else if (seen != planned && !(planned == 0 && skipped))
		problem = seen + 0 " results of " planned " planned, exit status " status
	else if (status != 0 && failed == 0)
		problem = "exit status " status
	if (problem != "")
		failed++
	print passed + 0, failed + 0, skipped + 0, problem
}
